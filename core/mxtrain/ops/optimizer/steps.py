"""What all update operators have in common: where the new weight goes, and how they are declared."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.dtypes import is_floating
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator
from mxtrain.ops.storage import Form

FLOAT32 = np.dtype(np.float32)


def target_of(weight: Any, out: Any, *others: Any) -> Any:
    """The array to update: `out` with the values of weight, or a copy of weight.

    Raises ArgumentError or ArgumentTypeError unless gradient and states have the shape and dtype of the weight.
    """
    for array in others:
        if array.shape != weight.shape:
            raise ArgumentError(f"Expected: gradient and states of shape {weight.shape}. Received: {array.shape}.")
        types.unify(weight.dtype, array.dtype)
    if not is_floating(weight.dtype):
        raise ArgumentTypeError(f"Expected: floating weights. Received: {weight.dtype.name}.")
    if out is None:
        return weight.copy()
    if out is not weight:
        out[...] = weight
    return out


def master_of(weight: Any, weight32: Any, out: Any, grad: Any, *states: Any) -> Any:
    """The array that receives a multi-precision update's weight.

    Raises ArgumentError where shapes differ, and ArgumentTypeError unless weight32 and the states are float32.
    """
    for array in (weight32, grad, *states):
        if array.shape != weight.shape:
            raise ArgumentError(f"Expected: arrays of shape {weight.shape}. Received: {array.shape}.")
    types.unify(weight.dtype, grad.dtype)
    for array in (weight32, *states):
        types.unify(FLOAT32, array.dtype)
    return weight.copy() if out is None else out


def declare_update(
    name: str,
    forward: Callable[..., Any],
    meaning: str,
    states: Sequence[str],
    example: dict[str, Any],
    storage: Sequence[Form] = (),
) -> None:
    """Declare an update operator.

    states: the inputs that it changes; example: parameters for its test case; storage: its forms for sparse gradients.
    """
    inputs = forward.__code__.co_varnames[1 : forward.__code__.co_argcount]
    multi_precision = "weight32" in inputs
    arrays: dict[str, Any] = dict.fromkeys(inputs, (2, 3))
    if multi_precision:
        arrays.update(dict.fromkeys(inputs[2:], np.full((2, 3), 0.5, np.float32)))

    def infer_type(ins: types.Types, outs: types.Types, p: Any) -> tuple[types.Types, types.Types]:
        dtype = types.unify_all([*ins[:2], *outs])
        return [dtype, dtype, *(types.unify(FLOAT32, state) for state in ins[2:])], [dtype]

    declare_operator(
        name,
        doc=f"{meaning}\n\nInputs: arrays of one shape; {', '.join(states) or 'none'} changed in place. "
        "Output: the new weight; give `out=weight` to update it. clip_gradient: limit of the rescaled gradient's "
        "magnitude, negative for none. lazy_update: rows that a row_sparse gradient lacks stay. Source: MXNet 1.9.1.",
        cases=[Case({**arrays, **example}, low=0.1, high=0.9, differentiable=False)],
        forward=forward,
        gradient=NOT_DIFFERENTIABLE,
        infer_shape=shapes.same,
        infer_type=infer_type if multi_precision else types.same,
        mutates=tuple(states),
        storage=storage,
        inplace=(0,),
    )
