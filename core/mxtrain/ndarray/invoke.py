"""Imperative execution: run an operator on NDArrays now, and tell the tape of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.context import Context, current_context
from mxtrain.device.float_errors import ignoring_float_errors
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray, contiguous_copy, wrap
from mxtrain.ops.operator import Operator
from mxtrain.ops.parameters import Params

_mode = recording.mode


def invoke(op: Operator, inputs: Sequence[NDArray], params: dict[str, Any], out: Any = None) -> Any:
    """Run an operator; returns its visible outputs: one NDArray, or a list of them.

    inputs: the inputs in use, auxiliary states last, all on one context. params: parsed, as `Operator.parse` returns
    them (for an operator without inputs, `ctx` chooses the device). out: an NDArray, or a list, to write the result to.
    Raises MXNetError naming operator, inputs and what was expected; `out` is then unchanged.
    """
    arrays = [x._data for x in inputs]
    ctx = inputs[0]._ctx if inputs else current_context()
    for x in inputs:
        # CPU contexts share their memory, and as in MXNet their arrays may meet
        if x._ctx is not ctx and (x._ctx.device_typeid == 2 or ctx.device_typeid == 2):
            raise _mixed_contexts(op, inputs)
    if out is not None:
        return _invoke_into(op, inputs, arrays, params, ctx, out)
    results, state = _run(op, arrays, params, ctx)
    return _finish(op, inputs, params, ctx, results, state)


@ignoring_float_errors  # infinities and NaN are results like others
def _run(op: Operator, arrays: list[Any], params: dict[str, Any], ctx: Context, out: Any = None) -> tuple[Any, Any]:
    """The raw result of forward, and the state object where the operator has one. out: for operators that take one."""
    forward = op.choose_forward(arrays, params) if op.kernels else op.forward
    keywords = op.call_params(params) if op.variadic else params
    state = None
    if op.asks or out is not None:
        keywords, state = _runtime_arguments(op, arrays, params, {**keywords}, ctx)
        if out is not None:
            keywords["out"] = out
    if op.choose_inputs is not None:
        arrays = list(op.arrange(arrays, params))
    try:
        if ctx.device_typeid == 2:
            with ctx.backend.active():
                return forward(ctx.xp, *arrays, **keywords), state
        return forward(ctx.xp, *arrays, **keywords), state
    except Exception as error:
        raise op.explain(error, arrays, params) from error


def _runtime_arguments(
    op: Operator, arrays: list[Any], params: dict[str, Any], keywords: dict[str, Any], ctx: Context
) -> tuple[dict[str, Any], Any]:
    """The keywords with what the operator asks of its surroundings, and its state object."""
    asks = op.asks
    if "is_train" in asks:
        keywords["is_train"] = _mode.training
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


def _finish(
    op: Operator, inputs: Sequence[NDArray], params: dict[str, Any], ctx: Context, results: Any, state: Any
) -> Any:
    if op.single_output:
        outputs = [_own(op, results, ctx)]
    else:
        outputs = [_own(op, result, ctx) for result in results]
    if _mode.recording:
        recording.tape.record(op, params, inputs, outputs, _mode.training, state)
    if op.single_output:
        return outputs[0]
    visible = outputs[: op.num_visible(params)]
    return visible[0] if len(visible) == 1 else visible


def _own(op: Operator, result: Any, ctx: Context) -> NDArray:
    """A result as an NDArray that owns contiguous memory."""
    if isinstance(result, np.generic):  # what NumPy makes of arrays without axes
        result = np.asarray(result)
    if op.view or not result.flags.c_contiguous:
        return wrap(contiguous_copy(result, ctx), ctx)
    return wrap(result, ctx)


def _invoke_into(
    op: Operator, inputs: Sequence[NDArray], arrays: list[Any], params: dict[str, Any], ctx: Context, out: Any
) -> Any:
    targets = list(out) if isinstance(out, (list, tuple)) else [out]
    if _mode.recording and any(target._entry is not None for target in targets):
        raise MXNetError(
            f"Operator {op.name!r}: expected an `out` array that is not part of the recorded graph. Received: one that "
            f"is. {recording.IN_PLACE_REFUSED}"
        )
    if _mode.recording and any(x._entry is not None for x in inputs) and _overwrites(targets, inputs, ctx):
        raise MXNetError(
            f"Operator {op.name!r}: expected an `out` array apart from the inputs. Received: one of them. "
            f"{recording.IN_PLACE_REFUSED}"
        )
    if "out" in op.runtime and not _mode.recording and _can_take(op, targets[0], arrays, params, ctx):
        _run(op, arrays, params, ctx, out=targets[0]._data)
        return out
    results, state = _run(op, arrays, params, ctx)
    outputs = [results] if op.single_output else list(results)
    visible = outputs[: op.num_visible(params)]
    if len(visible) != len(targets):
        raise ArgumentError(f"Operator {op.name!r}: expected {len(visible)} output(s). Received: out={len(targets)}.")
    for target, result in zip(targets, visible, strict=True):
        _check_target(op, target, result)
    for target, result in zip(targets, visible, strict=True):
        target.copy_values_from(result, ctx)
    if _mode.recording:
        hidden = [wrap(result, ctx) for result in outputs[len(visible) :]]
        recording.tape.record(op, params, inputs, targets + hidden, _mode.training, state)
    return out


def _overwrites(targets: Sequence[NDArray], inputs: Sequence[NDArray], ctx: Context) -> bool:
    """Whether some target shares memory with an input."""
    return any(
        target is x or (target._family is not None and ctx.xp.may_share_memory(target._data, x._data))
        for target in targets
        for x in inputs
    )


def _can_take(op: Operator, target: NDArray, arrays: list[Any], params: dict[str, Any], ctx: Context) -> bool:
    """Whether forward may write its result straight into a target: nothing fails half-way, or reads what is written."""
    data = target._data
    if target._ctx is not ctx or not op.single_output:
        return False
    if not op.input_names and not op.variadic:
        return _fits(op, data.shape, params)
    if not op.inplace:
        return False
    for position, array in enumerate(arrays):
        if array.shape != data.shape or array.dtype != data.dtype:
            return False
        if array is data:
            if position not in op.inplace:
                return False
        elif target._family is not None and ctx.xp.may_share_memory(array, data):
            return False
    return True


def _fits(op: Operator, shape: tuple[int, ...], params: dict[str, Any]) -> bool:
    """Whether an operator without inputs can give an array of this shape."""
    try:
        op.infer_shape([], [shape], Params(**params))
    except MXNetError:
        return False
    return True


def _check_target(op: Operator, target: NDArray, result: Any) -> None:
    if target.shape != tuple(result.shape):
        raise ArgumentError(
            f"Operator {op.name!r}: expected an `out` of shape {tuple(result.shape)}. Received: {target.shape}."
        )


def _mixed_contexts(op: Operator, inputs: Sequence[NDArray]) -> ArgumentTypeError | ArgumentError:
    received = ", ".join(str(x._ctx) for x in inputs)
    return ArgumentError(
        f"Operator {op.name!r}: expected all inputs on one context. Received: {received}. Move them with as_in_context."
    )
