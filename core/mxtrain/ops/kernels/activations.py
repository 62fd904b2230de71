"""Activation functions, and their derivatives as functions of their results."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from mxtrain.ops.kernels.precision import exp_limit


def relu(xp: types.ModuleType, x: Any, out: Any = None) -> Any:
    """max(x, 0)."""
    return xp.maximum(x, x.dtype.type(0), out=out)


def sigmoid(xp: types.ModuleType, x: Any, out: Any = None) -> Any:
    """1 / (1 + exp(-x)); the exponent is bounded so that nothing overflows."""
    result = xp.negative(x, out=out)
    xp.minimum(result, exp_limit(x.dtype), out=result)
    xp.exp(result, out=result)
    result += 1
    return xp.divide(x.dtype.type(1), result, out=result)


def tanh(xp: types.ModuleType, x: Any, out: Any = None) -> Any:
    """The hyperbolic tangent."""
    return xp.tanh(x, out=out)


def softrelu(xp: types.ModuleType, x: Any, out: Any = None) -> Any:
    """log(1 + exp(x)), computed as max(x, 0) + log(1 + exp(-|x|)), which does not overflow."""
    tail = xp.abs(x)
    xp.negative(tail, out=tail)
    xp.exp(tail, out=tail)
    xp.log1p(tail, out=tail)
    result = xp.maximum(x, 0, out=out)
    result += tail
    return result


def softsign(xp: types.ModuleType, x: Any, out: Any = None) -> Any:
    """x / (1 + |x|)."""
    scale = xp.abs(x)
    scale += 1
    return xp.divide(x, scale, out=out)


def _relu_slope(xp: types.ModuleType, y: Any) -> Any:
    return y > 0


def _sigmoid_slope(xp: types.ModuleType, y: Any) -> Any:
    slope = 1 - y
    slope *= y
    return slope


def _tanh_slope(xp: types.ModuleType, y: Any) -> Any:
    slope = y * y
    return xp.subtract(1, slope, out=slope)


def _softrelu_slope(xp: types.ModuleType, y: Any) -> Any:
    slope = xp.negative(y)
    xp.expm1(slope, out=slope)
    return xp.negative(slope, out=slope)


def _softsign_slope(xp: types.ModuleType, y: Any) -> Any:
    slope = xp.abs(y)
    xp.subtract(1, slope, out=slope)
    slope *= slope
    return slope


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softrelu": softrelu,
    "softsign": softsign,
}
SLOPES: dict[str, Callable[..., Any]] = {
    "relu": _relu_slope,
    "sigmoid": _sigmoid_slope,
    "tanh": _tanh_slope,
    "softrelu": _softrelu_slope,
    "softsign": _softsign_slope,
}
