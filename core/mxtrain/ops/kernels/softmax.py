"""Softmax along one axis, its logarithm, and their gradients."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.device import host_memory
from mxtrain.ops.kernels import blocks


def softmax(xp: types.ModuleType, x: Any, axis: int, out: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along an axis, shifted by the maximum so that nothing overflows."""
    return _along(xp, _softmax, (x,), axis, out)


def log_softmax(xp: types.ModuleType, x: Any, axis: int, out: Any = None) -> Any:
    """x - log(sum(exp(x))) along an axis, shifted by the maximum so that nothing overflows."""
    return _along(xp, _log_softmax, (x,), axis, out)


def softmax_backward(xp: types.ModuleType, gy: Any, y: Any, axis: int, out: Any = None) -> Any:
    """Gradient of softmax by x, from its result y: y * (gy - sum(gy * y))."""
    return _along(xp, _softmax_backward, (gy, y), axis, out)


def log_softmax_backward(xp: types.ModuleType, gy: Any, y: Any, axis: int, out: Any = None) -> Any:
    """Gradient of log_softmax by x, from its result y: gy - exp(y) * sum(gy)."""
    return _along(xp, _log_softmax_backward, (gy, y), axis, out)


def _along(xp: types.ModuleType, compute: Callable[..., Any], arrays: tuple[Any, ...], axis: int, out: Any) -> Any:
    """compute(xp, *arrays, axis, out), in blocks where the arrays are large."""
    first = arrays[0]
    if first.size == 0:
        return xp.empty_like(first) if out is None else out
    if first.size < blocks.MIN_ELEMENTS or xp is not np:
        return compute(xp, *arrays, axis, out)
    result = host_memory.empty(first.shape, first.dtype) if out is None else out
    blocks.along_axis(axis % first.ndim, arrays, (result,), lambda parts, outs: compute(xp, *parts, 1, *outs))
    return result


def _largest(xp: types.ModuleType, x: Any, axis: int) -> Any:
    if xp is np:  # the method spends more time on its arguments than on a small array
        return _reduced(np, np.maximum, x, axis)
    return x.max(axis=axis, keepdims=True)


def _reduced(xp: types.ModuleType, function: Any, x: Any, axis: int) -> Any:
    """function.reduce of x along an axis, in a form that broadcasts with x."""
    if x.ndim == 1 and xp is np:  # with an array of no axes, NumPy needs a third of the time that one of size 1 takes
        return function.reduce(x, axis=0, out=np.empty((), x.dtype))
    return function.reduce(x, axis=axis, keepdims=True)


def _softmax(xp: types.ModuleType, x: Any, axis: int, out: Any) -> Any:
    result = xp.subtract(x, _largest(xp, x, axis), out=out)
    xp.exp(result, out=result)
    return xp.divide(result, _reduced(xp, xp.add, result, axis), out=result)


def _log_softmax(xp: types.ModuleType, x: Any, axis: int, out: Any) -> Any:
    result = xp.subtract(x, _largest(xp, x, axis), out=out)
    total = _reduced(xp, xp.add, xp.exp(result), axis)
    return xp.subtract(result, xp.log(total, out=total), out=result)


def _softmax_backward(xp: types.ModuleType, gy: Any, y: Any, axis: int, out: Any) -> Any:
    result = xp.subtract(gy, xp.add.reduce(gy * y, axis=axis, keepdims=True), out=out)
    return xp.multiply(result, y, out=result)


def _log_softmax_backward(xp: types.ModuleType, gy: Any, y: Any, axis: int, out: Any) -> Any:
    total = xp.add.reduce(gy, axis=axis, keepdims=True)
    result = xp.exp(y)
    result *= total
    return xp.subtract(gy, result, out=out)
