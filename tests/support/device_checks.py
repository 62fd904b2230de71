"""Checks that an operator gives on a device what it gives on cpu(0); for stand-in devices and for real ones."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import operator_cases as support

import mxtrain as mx
from mxtrain import autograd
from mxtrain.context import Context, cpu
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops import Case, Operator

# a device sums in another order and has other approximations of exp, log, ...; per dtype, relative to the values' size
TOLERANCES = {np.float16: 1e-2, np.float32: 2e-4, np.float64: 1e-9}


def is_random(op: Operator) -> bool:
    """Whether results depend on the device's random generator, so that only shapes and dtypes can be compared."""
    return "rng" in op.runtime


def inputs_on(example: support.Example, ctx: Context) -> list[mx.nd.NDArray]:
    """Fresh NDArrays with the inputs of an example on a device."""
    return [mx.nd.array(array, ctx=ctx, dtype=array.dtype) for array in example.arrays]


def forward(example: support.Example, ctx: Context) -> list[np.ndarray]:
    """The visible outputs in training mode, and the inputs that the operator changes."""
    inputs = inputs_on(example, ctx)
    with ctx, autograd.train_mode():
        outputs = support.as_list(invoke(example.op, inputs, example.params))
    changed = [x for name, x in zip(example.names, inputs, strict=True) if name in example.op.changed(example.params)]
    return _values([*outputs, *changed], ctx)


def forward_into(example: support.Example, ctx: Context) -> list[np.ndarray]:
    """The outputs written into arrays that are there already."""
    targets = [mx.nd.full(y.shape, 7, ctx=ctx, dtype=y.dtype) for y in forward_outputs(example, ctx)]
    with ctx, autograd.train_mode():
        out = targets if len(targets) > 1 else targets[0]
        invoke(example.op, inputs_on(example, ctx), example.params, out)
    return _values(targets, ctx)


def forward_outputs(example: support.Example, ctx: Context) -> list[mx.nd.NDArray]:
    """The visible outputs as NDArrays."""
    with ctx, autograd.train_mode():
        return support.as_list(invoke(example.op, inputs_on(example, ctx), example.params))


def gradients(example: support.Example, ctx: Context) -> list[np.ndarray]:
    """Gradients by the inputs through the tape."""
    wanted = support.differentiable_inputs(example)
    if not wanted:
        return []
    inputs = inputs_on(example, ctx)
    for position in wanted:
        inputs[position].attach_grad()
    with ctx, autograd.record():
        outputs = support.as_list(invoke(example.op, inputs, example.params))
    heads = _heads(outputs, ctx)
    autograd.backward([y for y in outputs if y.dtype in TOLERANCES], heads)
    return _values([inputs[position].grad for position in wanted], ctx)


def executor_results(grad_req: str) -> Callable[[support.Example, Context], list[np.ndarray]]:
    """What computes the operator as a bound symbol: outputs, gradients and auxiliary states."""

    def compute(example: support.Example, ctx: Context) -> list[np.ndarray]:
        symbol = support.make_symbol(example)
        arrays = {f"x{i}": array for i, array in enumerate(inputs_on(example, ctx))}
        states = {name: arrays.pop(name) for name in symbol.list_auxiliary_states()}
        wanted = {f"x{i}" for i in support.differentiable_inputs(example)} if callable(example.op.gradient) else set()
        grads = {name: mx.nd.ones(arrays[name].shape, ctx, arrays[name].dtype) for name in arrays if name in wanted}
        reqs = {name: grad_req if name in wanted else "null" for name in arrays}
        executor = symbol.bind(ctx, arrays, args_grad=grads, grad_req=reqs, aux_states=states)
        outputs = executor.forward(is_train=True)
        if wanted:
            weights = support.weights_for(outputs)
            executor.backward([mx.nd.array(w, ctx, y.dtype) for w, y in zip(weights, outputs, strict=True)])
        return _values([*outputs, *grads.values(), *executor.aux_arrays], ctx)

    return compute


def _heads(outputs: Sequence[mx.nd.NDArray], ctx: Context) -> list[mx.nd.NDArray]:
    floating = [y for y in outputs if y.dtype in TOLERANCES]
    weights = support.weights_for(floating)
    return [mx.nd.array(w, ctx=ctx, dtype=y.dtype) for w, y in zip(weights, floating, strict=True)]


def _values(arrays: Sequence[mx.nd.NDArray], ctx: Context) -> list[np.ndarray]:
    for array in arrays:
        assert array.context is ctx
        assert array.asnumpy().dtype == array.dtype
    return [array.asnumpy() for array in arrays]


def check_equal(op: Operator, case: Case, dtype: Any, ctx: Context, compute: Callable[..., list[np.ndarray]]) -> None:
    """Raise AssertionError unless `compute(example, ctx)` gives what it gives on cpu(0)."""
    example = support.make_example(op, case, dtype)
    expected, found = compute(example, cpu()), compute(example, ctx)
    assert len(found) == len(expected)
    for here, there in zip(expected, found, strict=True):
        assert (there.shape, there.dtype) == (here.shape, here.dtype)
        if is_random(op):
            continue
        tolerance = TOLERANCES.get(dtype, 0)
        scale = float(np.max(np.abs(here), initial=0, where=np.isfinite(here))) if here.dtype.kind == "f" else 0
        np.testing.assert_allclose(
            there, here, rtol=tolerance, atol=tolerance * max(scale, 1), err_msg=f"{op.name} on {ctx}"
        )
