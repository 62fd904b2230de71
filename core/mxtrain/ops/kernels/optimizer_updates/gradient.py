"""What most updates do to a gradient first: rescale it, add weight decay, clip it."""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np


@functools.lru_cache(maxsize=64)
def single(value: float) -> float:
    """A decay rate as MXNet's operators hold it, in float32: it moves 1 - 0.999 by 1.3e-5 of its value."""
    return float(np.float32(value))


def is_clipped(clip_gradient: float | None) -> bool:
    """True where a limit is set: None and negative numbers mean none, as in MXNet's operators."""
    return clip_gradient is not None and clip_gradient >= 0


def clip(xp: types.ModuleType, array: Any, limit: float | None) -> None:
    """Limits the values of `array` to [-limit, limit] in place."""
    if limit is not None and limit >= 0:
        xp.minimum(array, limit, out=array)
        xp.maximum(array, -limit, out=array)


def rescaled(xp: types.ModuleType, grad: Any, rescale_grad: float, clip_gradient: float | None, out: Any) -> Any:
    """clip(rescale_grad * grad), in `out`; `grad` itself where that changes nothing (so treat it as read-only)."""
    if rescale_grad == 1 and not is_clipped(clip_gradient):
        return grad
    xp.multiply(grad, rescale_grad, out=out)
    clip(xp, out, clip_gradient)
    return out


def add_scaled(xp: types.ModuleType, target: Any, array: Any, factor: float, scratch: Any) -> None:
    """Computes target += factor * array."""
    xp.multiply(array, factor, out=scratch)
    xp.add(target, scratch, out=target)


def decayed(
    xp: types.ModuleType,
    weight: Any,
    grad: Any,
    wd: float,
    rescale_grad: float,
    clip_gradient: float | None,
    out: Any,
    scratch: Any,
) -> None:
    """Computes out = clip(rescale_grad * grad + wd * weight): the decay is clipped with the gradient."""
    xp.multiply(grad, rescale_grad, out=out)
    if wd:
        add_scaled(xp, out, weight, wd, scratch)
    clip(xp, out, clip_gradient)


def moving_average(xp: types.ModuleType, average: Any, value: Any, decay: float, scratch: Any) -> None:
    """Computes average = decay * average + (1 - decay) * value."""
    xp.multiply(average, decay, out=average)
    add_scaled(xp, average, value, 1 - decay, scratch)


def average_square(xp: types.ModuleType, average: Any, value: Any, decay: float, scratch: Any) -> None:
    """Computes average = decay * average + (1 - decay) * value * value."""
    xp.multiply(average, decay, out=average)
    xp.multiply(value, value, out=scratch)
    xp.multiply(scratch, 1 - decay, out=scratch)
    xp.add(average, scratch, out=average)
