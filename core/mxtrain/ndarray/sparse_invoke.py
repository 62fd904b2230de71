"""Imperative execution of operators with sparse inputs or outputs: by the operator's form that fits, else densely."""

from collections.abc import Sequence
from typing import Any

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.context import Context, current_context
from mxtrain.device.float_errors import ignoring_float_errors
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray, contiguous_copy
from mxtrain.ndarray.forward import require_one_context, run_forward
from mxtrain.ndarray.sparse_array import value_of, wrap_value, write_value
from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.operator import Operator
from mxtrain.ops.sparse.containers import DENSE, SparseContainer
from mxtrain.ops.storage import Form

_mode = recording.mode


def invoke_sparse(op: Operator, inputs: Sequence[NDArray], params: dict[str, Any], out: Any = None) -> Any:
    """Run an operator; returns its visible outputs: one NDArray, or a list of them.

    inputs, params, out: as in `invoke`; each may have any storage, and `out` decides that of the result. Raises
    MXNetError naming operator, inputs and what was expected; `out` is then unchanged.
    """
    if inputs:
        require_one_context(op, inputs)
    ctx = inputs[0]._ctx if inputs else current_context()
    targets = [] if out is None else list(out) if isinstance(out, (list, tuple)) else [out]
    if _mode.recording and targets:
        _require_writable(op, inputs, targets)
    values = [value_of(x) for x in inputs]
    form = op.choose_form([x.stype for x in inputs], params)
    if form is None:
        results, state = _run_densely(op, inputs, values, params, ctx)
    else:
        results, state = _run_form(op, form, values, params, ctx, _over_input(form, targets, inputs)), None
    outputs = _deliver(op, results, targets, params, ctx)
    if _mode.recording:
        recording.tape.record(op, params, inputs, outputs, _mode.training, state)
    if out is not None:
        return out
    visible = outputs[: op.num_visible(params)]
    return visible[0] if op.single_output or len(visible) == 1 else visible


def _require_writable(op: Operator, inputs: Sequence[NDArray], targets: Sequence[NDArray]) -> None:
    recorded = any(x._entry is not None for x in inputs)
    for target in targets:
        if target._entry is not None or (recorded and any(target is x for x in inputs)):
            raise MXNetError(
                f"Operator {op.name!r}: expected an `out` array apart from the recorded ones. Received: one of them. "
                f"{recording.IN_PLACE_REFUSED}"
            )


def _over_input(form: Form, targets: Sequence[NDArray], inputs: Sequence[NDArray]) -> Any:
    """The value to write the only output over, where that is one of the inputs and the kernel can."""
    if len(targets) == 1 and "out" in form.asks and any(targets[0] is x for x in inputs):
        return value_of(targets[0]) if targets[0].stype == form.outputs_for(len(inputs))[0] else None
    return None


@ignoring_float_errors
def _run_form(op: Operator, form: Form, values: list[Any], params: dict[str, Any], ctx: Context, out: Any) -> Any:
    keywords = op.call_params(params)
    known = {"out": out, "is_train": _mode.training, "rng": ctx.backend.rng, "ctx": ctx}
    keywords |= {name: known[name] for name in form.asks & known.keys()}
    try:
        with ctx.backend.active():
            return form.compute(ctx.xp, *values, **keywords)
    except Exception as error:
        raise op.explain(error, values, params) from error


def _run_densely(
    op: Operator, inputs: Sequence[NDArray], values: list[Any], params: dict[str, Any], ctx: Context
) -> tuple[Any, Any]:
    """The result of forward on dense copies; what it wrote to inputs goes back to the sparse ones."""
    with ctx.backend.active():
        dense = [to_dense(ctx.xp, value) for value in values]
    results = run_forward(op, dense, params, ctx)
    changed = op.changed(params)
    if changed:
        for name, array, value in zip(op.all_inputs(params), inputs, dense, strict=False):
            if name in changed and array.stype != DENSE:
                write_value(array, value, ctx)
    return results


def _deliver(
    op: Operator, results: Any, targets: Sequence[NDArray], params: dict[str, Any], ctx: Context
) -> list[NDArray]:
    """All outputs as NDArrays, the visible ones in the targets where there are any."""
    listed = [results] if op.single_output else list(results)
    if not targets:
        return [_own(op, result, ctx) for result in listed]
    count = op.num_visible(params)
    if count != len(targets):
        raise ArgumentError(f"Operator {op.name!r}: expected {count} output(s). Received: out={len(targets)}.")
    for target, result in zip(targets, listed, strict=False):
        if target.shape != tuple(result.shape):
            raise ArgumentError(
                f"Operator {op.name!r}: expected an `out` of shape {tuple(result.shape)}. Received: {target.shape}."
            )
    for target, result in zip(targets, listed, strict=False):
        if result is not value_of(target):
            write_value(target, result, ctx)
    return [*targets, *(_own(op, result, ctx) for result in listed[count:])]


def _own(op: Operator, result: Any, ctx: Context) -> NDArray:
    """A result as an NDArray that owns its memory."""
    if not isinstance(result, SparseContainer):
        result = ctx.xp.asarray(result)
        if op.view or not result.flags.c_contiguous:
            result = contiguous_copy(result, ctx)
    return wrap_value(result, ctx)
