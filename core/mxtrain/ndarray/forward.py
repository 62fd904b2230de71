"""Runs an operator's forward on backend arrays, with what it asks of its surroundings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.device.float_errors import ignoring_float_errors
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ops.operator import Operator
from mxtrain.ops.parameters import Params


@ignoring_float_errors  # infinities and NaN are results like others
def run_forward(
    op: Operator, arrays: list[Any], params: dict[str, Any], ctx: Context, out: Any = None, in_order: bool = False
) -> tuple[Any, Any]:
    """The raw result of forward, and the state object where the operator has one.

    out: for operators that take one. in_order: it is known that the arrays are forward's first ones.
    """
    forward = op.forward
    if arrays and (arrays[0].size >= op.kernel_size or arrays[-1].size >= op.kernel_size):
        forward = op.choose_forward(arrays, params)
    keywords = op.call_params(params) if op.variadic else params
    state = None
    if op.asks:
        keywords, state = _runtime_arguments(op, arrays, params, {**keywords}, ctx)
    if out is not None:
        keywords = {**keywords, "out": out}
    if not in_order and op.choose_inputs is not None:
        arrays = list(op.arrange(arrays, params))
    try:
        if ctx.device_typeid == 2:
            with ctx.backend.active():
                return forward(ctx.xp, *arrays, **keywords), state
        return forward(np, *arrays, **keywords), state
    except Exception as error:
        raise op.explain(error, arrays, params) from error


def _runtime_arguments(
    op: Operator, arrays: list[Any], params: dict[str, Any], keywords: dict[str, Any], ctx: Context
) -> tuple[dict[str, Any], Any]:
    """The keywords with what the operator asks of its surroundings, and its state object."""
    asks = op.asks
    if "is_train" in asks:
        keywords["is_train"] = recording.mode.training
    if "rng" in asks:
        keywords["rng"] = ctx.backend.rng
    if "ctx" in asks:
        keywords["ctx"] = ctx
    if "needs" in asks:
        keywords["needs"] = (True,) * len(arrays)
    if "state" in asks:
        keywords["state"] = _state_for(op, arrays, params, ctx)
    return keywords, keywords.get("state")


def _state_for(op: Operator, arrays: list[Any], params: dict[str, Any], ctx: Context) -> Any:
    """The state given with the call (a backward operator gets its forward's), or a fresh one."""
    given = params.get("state")
    if given is not None or op.create_state is None:
        return given
    return op.create_state(ctx, [tuple(a.shape) for a in arrays], [a.dtype for a in arrays], Params(**params))


def require_one_context(op: Operator, inputs: Sequence[NDArray]) -> None:
    """Raise ArgumentError where inputs lie on different devices; CPU contexts share memory, so they may meet."""
    first = inputs[0]._ctx
    if any(x._ctx is not first and (x._ctx.device_typeid == 2 or first.device_typeid == 2) for x in inputs):
        received = ", ".join(str(x._ctx) for x in inputs)
        raise ArgumentError(
            f"Operator {op.name!r}: expected all inputs on one context. Received: {received}. "
            "Move them with as_in_context."
        )
