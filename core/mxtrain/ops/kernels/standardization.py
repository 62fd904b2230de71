"""Bringing slices of an array to mean 0 and variance 1, and the gradient of that."""

from __future__ import annotations

import types
from typing import Any


def standardize(xp: types.ModuleType, x: Any, axis: int, eps: float) -> tuple[Any, Any, Any]:
    """(x - mean) / std along an axis, mean and std = sqrt(biased variance + eps), these two with size 1 there."""
    mean = x.mean(axis=axis, keepdims=True)
    centred = x - mean
    std = xp.sqrt((centred * centred).mean(axis=axis, keepdims=True) + eps)
    centred /= std
    return centred, mean, std


def standardize_backward(xp: types.ModuleType, gy: Any, y: Any, std: Any, axis: int) -> Any:
    """Gradient of `standardize` by x, from its results y and std."""
    result = gy - gy.mean(axis=axis, keepdims=True)
    result -= y * (gy * y).mean(axis=axis, keepdims=True)
    result /= std
    return result
