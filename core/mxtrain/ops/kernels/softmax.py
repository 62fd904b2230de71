"""Softmax along one axis, its logarithm, and their gradients."""

from __future__ import annotations

import types
from typing import Any


def softmax(xp: types.ModuleType, x: Any, axis: int, out: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along an axis, shifted by the maximum so that nothing overflows."""
    result = xp.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    xp.exp(result, out=result)
    result /= xp.add.reduce(result, axis=axis, keepdims=True)
    return result


def log_softmax(xp: types.ModuleType, x: Any, axis: int, out: Any = None) -> Any:
    """x - log(sum(exp(x))) along an axis, shifted by the maximum so that nothing overflows."""
    result = xp.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    result -= xp.log(xp.add.reduce(xp.exp(result), axis=axis, keepdims=True))
    return result


def softmax_backward(xp: types.ModuleType, gy: Any, y: Any, axis: int, out: Any = None) -> Any:
    """Gradient of softmax by x, from its result y: y * (gy - sum(gy * y))."""
    result = xp.subtract(gy, xp.add.reduce(gy * y, axis=axis, keepdims=True), out=out)
    result *= y
    return result


def log_softmax_backward(xp: types.ModuleType, gy: Any, y: Any, axis: int, out: Any = None) -> Any:
    """Gradient of log_softmax by x, from its result y: gy - exp(y) * sum(gy)."""
    total = xp.add.reduce(gy, axis=axis, keepdims=True)
    result = xp.exp(y)
    result *= total
    return xp.subtract(gy, result, out=out)
