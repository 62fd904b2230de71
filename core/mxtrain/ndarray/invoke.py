"""Imperative execution: run an operator on NDArrays now, and tell the tape of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.context import Context, current_context
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray, contiguous_copy, wrap
from mxtrain.ndarray.forward import require_one_context, run_forward
from mxtrain.ndarray.sparse_array import BaseSparseNDArray, NotDenseError
from mxtrain.ndarray.sparse_invoke import invoke_sparse
from mxtrain.ops.operator import Operator
from mxtrain.ops.parameters import Params

_mode = recording.mode


def invoke(
    op: Operator, inputs: Sequence[NDArray], params: dict[str, Any], out: Any = None, in_order: bool = False
) -> Any:
    """Run an operator; returns its visible outputs: one NDArray, or a list of them.

    inputs: the inputs in use, auxiliary states last, all on one context. params: parsed, as `Operator.parse` returns
    them (for an operator without inputs, `ctx` chooses the device). out: an NDArray, or a list, to write the result to.
    in_order: the caller knows that these are the first of the operator's inputs, so that none has to be found by name.
    Raises MXNetError naming operator, inputs and what was expected; `out` is then unchanged.
    """
    try:
        arrays = [x._data for x in inputs]
    except NotDenseError:
        return invoke_sparse(op, inputs, params, out)
    if op.makes_sparse:
        return invoke_sparse(op, inputs, params, out)
    ctx = inputs[0]._ctx if inputs else current_context()
    for x in inputs:
        if x._ctx is not ctx:
            require_one_context(op, inputs)
    if out is not None:
        return _invoke_into(op, inputs, arrays, params, ctx, out)
    results, state = run_forward(op, arrays, params, ctx, in_order=in_order)
    if type(results) is np.ndarray and results.flags.c_contiguous and not op.view:  # by far the most frequent case
        output = NDArray(results, ctx)
        if _mode.recording:
            recording.tape.record(op, params, inputs, (output,), _mode.training, state)
        return output
    return _finish(op, inputs, params, ctx, results, state)


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
    for target in targets:
        if isinstance(target, BaseSparseNDArray):
            return invoke_sparse(op, inputs, params, out)
    if _mode.recording:
        _require_writable(op, targets, inputs, ctx)
    if "out" in op.runtime and not _mode.recording and _can_take(op, targets[0], arrays, params, ctx):
        run_forward(op, arrays, params, ctx, out=targets[0]._data)
        return out
    results, state = run_forward(op, arrays, params, ctx)
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


def _require_writable(op: Operator, targets: Sequence[NDArray], inputs: Sequence[NDArray], ctx: Context) -> None:
    """Raise MXNetError for a target that recording forbids to write."""
    if any(target._entry is not None for target in targets):
        raise MXNetError(
            f"Operator {op.name!r}: expected an `out` array that is not part of the recorded graph. Received: one that "
            f"is. {recording.IN_PLACE_REFUSED}"
        )
    if any(x._entry is not None for x in inputs) and _overwrites(targets, inputs, ctx):
        raise MXNetError(
            f"Operator {op.name!r}: expected an `out` array apart from the inputs. Received: one of them. "
            f"{recording.IN_PLACE_REFUSED}"
        )


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
