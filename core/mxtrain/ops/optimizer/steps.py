"""What all update operators have in common: where the new weight goes, and how they are declared."""

from collections.abc import Callable, Sequence
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator


def target_of(weight: Any, out: Any, *others: Any) -> Any:
    """The array to update: `out` with the values of weight, or a copy of weight.

    Raises ArgumentError unless gradient and states have the shape of the weight.
    """
    for array in others:
        if array.shape != weight.shape:
            raise ArgumentError(f"Expected: gradient and states of shape {weight.shape}. Received: {array.shape}.")
    if out is None:
        return weight.copy()
    if out is not weight:
        out[...] = weight
    return out


def master_of(weight: Any, weight32: Any, out: Any, *others: Any) -> Any:
    """The array that receives a multi-precision update's weight. Raises ArgumentError where shapes differ."""
    for array in (weight32, *others):
        if array.shape != weight.shape:
            raise ArgumentError(f"Expected: arrays of shape {weight.shape}. Received: {array.shape}.")
    return weight.copy() if out is None else out


def declare_update(
    name: str, forward: Callable[..., Any], meaning: str, states: Sequence[str], example: dict[str, Any]
) -> None:
    """Declare an update operator. states: the inputs that it changes; example: parameters for its test case."""
    inputs = forward.__code__.co_varnames[1 : forward.__code__.co_argcount]
    multi_precision = "weight32" in inputs

    def infer_type(ins: types.Types, outs: types.Types, p: Any) -> tuple[types.Types, types.Types]:
        return ins, [types.unify(ins[0], outs[0])]

    declare_operator(
        name,
        doc=f"{meaning}\n\nInputs: arrays of one shape; {', '.join(states) or 'none'} changed in place. "
        "Output: the new weight; give `out=weight` to update it. clip_gradient: limit of the rescaled gradient's "
        "magnitude, negative for none. lazy_update: of sparse gradients only. Source: MXNet 1.9.1.",
        cases=[Case({**dict.fromkeys(inputs, (2, 3)), **example}, low=0.1, high=0.9, differentiable=False)],
        forward=forward,
        gradient=NOT_DIFFERENTIABLE,
        infer_shape=shapes.same,
        infer_type=infer_type if multi_precision else types.same,
        mutates=tuple(states),
        inplace=(0,),
    )
