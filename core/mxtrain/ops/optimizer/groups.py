"""What update operators of several parameters at once have in common: their inputs, outputs and declaration."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator
from mxtrain.ops.optimizer.steps import FLOAT32, master_of, target_of

MASTER = "weight32"


def split(data: Sequence[Any], names: Sequence[str], extra: Sequence[str], count: int) -> list[Sequence[Any]]:
    """The inputs of each of `count` parameters. Raises ArgumentError for another number of inputs."""
    if count < 1 or len(data) != count * len(names) + len(extra):
        raise ArgumentError(
            f"Expected: {', '.join(names)} for each of {count} parameters{', then ' if extra else ''}"
            f"{', '.join(extra)}. Received: {len(data)} arrays."
        )
    return [data[i * len(names) : (i + 1) * len(names)] for i in range(count)]


def require_one_each(count: int, **values: Sequence[Any]) -> None:
    """Raise ArgumentError unless every list has one value per parameter."""
    for name, given in values.items():
        if len(given) != count:
            raise ArgumentError(f"Expected: {count} {name}, one per parameter. Received: {len(given)}.")


def targets_of(groups: Sequence[Sequence[Any]], names: Sequence[str]) -> list[Any]:
    """The arrays that receive the new weights. Raises as `target_of` and `master_of`, before anything is changed."""
    if MASTER in names:
        return [master_of(weight, master, None, grad, *states) for weight, grad, *states, master in groups]
    return [target_of(weight, None, grad, *states) for weight, grad, *states in groups]


def update_each(
    xp: Any, kernel: Callable[..., None], groups: Sequence[Sequence[Any]], names: Sequence[str], options: Any
) -> tuple[Any, ...]:
    """The new weights: one step of an update kernel per parameter. options: the keywords of each step."""
    targets = targets_of(groups, names)
    for (_, grad, *states), target, keywords in zip(groups, targets, options, strict=True):
        if MASTER in names:
            kernel(xp, states[-1], grad, *states[:-1], low_precision=target, **keywords)
        else:
            kernel(xp, target, grad, *states, **keywords)
    return tuple(targets)


def declare_group_update(
    name: str,
    forward: Callable[..., Any],
    meaning: str,
    names: Sequence[str],
    example: dict[str, Any],
    *,
    extra: Sequence[str] = (),
    extra_examples: Sequence[Any] = (),
    counter: str = "num_weights",
) -> None:
    """Declare an operator that updates several parameters.

    names: of the inputs per parameter, states from the third one on; extra: of the inputs that follow, once.
    """
    wide = {*names[2:]} if MASTER in names else set()

    def inputs(p: Any) -> list[str]:
        count = getattr(p, counter)
        return [f"{one}_{i}" for i in range(count) for one in names] + list(extra)

    def mutates(p: Any) -> list[str]:
        return [f"{one}_{i}" for i in range(getattr(p, counter)) for one in names[2:]]

    def outputs(p: Any) -> list[str]:
        count = getattr(p, counter)
        return [f"output{i}" for i in range(count)] if count != 1 else ["output"]

    def infer_shape(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
        found = [
            shapes.unify_all([*group, out])
            for group, out in zip(split(ins, names, extra, getattr(p, counter)), outs, strict=True)
        ]
        tail = ins[len(ins) - len(extra) :] if extra else []
        return [shape for shape in found for _ in names] + tail, found

    def infer_type(ins: types.Types, outs: types.Types, p: Any) -> tuple[types.Types, types.Types]:
        found, all_ins = [], []
        for group, out in zip(split(ins, names, extra, getattr(p, counter)), outs, strict=True):
            same = [dtype for dtype, one in zip(group, names, strict=True) if one not in wide]
            found.append(types.unify_all([*same, out]))
            all_ins += [FLOAT32 if one in wide else found[-1] for one in names]
        return all_ins + (ins[len(ins) - len(extra) :] if extra else []), found

    arrays: list[Any] = []
    for shape in ((2, 3), (2,)):
        arrays += [np.full(shape, 0.5, np.float32) if one in wide else shape for one in names]
    case = Case({"data": [*arrays, *extra_examples], counter: 2, **example}, low=0.1, high=0.9, differentiable=False)
    declare_operator(
        name,
        doc=f"{meaning}\n\nInputs: {', '.join(names)} of the first parameter, of one shape, then those of the next"
        f"{', ... and at last ' + ', '.join(extra) if extra else ''}; states are changed in place. {counter}: how many "
        "parameters. Outputs: the new weights; give `out=weights` to update them. Source: MXNet 1.9.1.",
        cases=[case],
        forward=forward,
        gradient=NOT_DIFFERENTIABLE,
        infer_shape=infer_shape,
        infer_type=infer_type,
        inputs=inputs,
        outputs=outputs,
        mutates=mutates,
    )
