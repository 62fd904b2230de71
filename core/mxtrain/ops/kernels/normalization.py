"""Batch normalisation over all axes but one, seen as data of shape (outer, channels, inner)."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np

BLOCK_BYTES = 1 << 20  # of temporary arrays on a CPU


def normalize_by_batch(
    xp: types.ModuleType, x: Any, gamma: Any, beta: Any, eps: float, out: Any
) -> tuple[Any, Any, Any]:
    """Write (x - mean) / sqrt(var + eps) * gamma + beta into `out`; returns mean, var and 1 / sqrt(var + eps).

    x, out: (outer, channels, inner). gamma (None: 1), beta and the results: (channels,). var: the biased variance.
    """
    count = x.size // x.shape[1]
    mean = _channel_sum(xp, x) / count
    xp.subtract(x, mean[:, None], out=out)
    var = xp.einsum("ncs,ncs->nc", out, out).sum(axis=0) / count
    inv_std = 1 / xp.sqrt(var + eps)
    out *= (inv_std if gamma is None else gamma * inv_std)[:, None]
    out += beta[:, None]
    return mean, var, inv_std


def normalize_by_given(xp: types.ModuleType, x: Any, gamma: Any, beta: Any, mean: Any, inv_std: Any, out: Any) -> None:
    """Write (x - mean) * inv_std * gamma + beta into `out`. Shapes as in `normalize_by_batch`."""
    scale = inv_std if gamma is None else gamma * inv_std
    xp.multiply(x, scale[:, None], out=out)
    out += (beta - mean * scale)[:, None]


def backward_by_batch(
    xp: types.ModuleType, gy: Any, x: Any, gamma: Any, mean: Any, inv_std: Any, out: Any
) -> tuple[Any, Any]:
    """Write the gradient of `normalize_by_batch` by x into `out`; returns those by gamma and beta."""
    count = x.size // x.shape[1]
    by_gamma, by_beta = _parameter_gradients(xp, gy, x, mean, inv_std)
    scale = inv_std if gamma is None else gamma * inv_std
    # scale * (gy - by_beta / count - (x - mean) * inv_std * by_gamma / count), with one factor each for gy, x and 1
    by_x = -scale * inv_std * by_gamma / count
    rest = -scale * by_beta / count - by_x * mean
    xp.multiply(x, by_x[:, None], out=out)
    out += rest[:, None]
    for rows in _blocks(xp, x):
        out[rows] += gy[rows] * scale[:, None]
    return by_gamma, by_beta


def backward_by_given(
    xp: types.ModuleType, gy: Any, x: Any, gamma: Any, mean: Any, inv_std: Any, out: Any
) -> tuple[Any, Any]:
    """Write the gradient of `normalize_by_given` by x into `out`; returns those by gamma and beta."""
    by_gamma, by_beta = _parameter_gradients(xp, gy, x, mean, inv_std)
    xp.multiply(gy, (inv_std if gamma is None else gamma * inv_std)[:, None], out=out)
    return by_gamma, by_beta


def _parameter_gradients(xp: types.ModuleType, gy: Any, x: Any, mean: Any, inv_std: Any) -> tuple[Any, Any]:
    by_beta = _channel_sum(xp, gy)
    # the mean is taken off first: the difference of two large sums would lose digits
    products = [xp.einsum("ncs,ncs->nc", gy[rows], x[rows] - mean[:, None]) for rows in _blocks(xp, x)]
    return xp.concatenate(products).sum(axis=0) * inv_std, by_beta


def _blocks(xp: types.ModuleType, x: Any) -> Iterator[slice]:
    """Slices of the outer axis, so that temporary arrays stay small; on a GPU one for all."""
    outer = x.shape[0]
    step = max(1, BLOCK_BYTES * outer // max(1, x.nbytes)) if xp is np else max(1, outer)
    return (slice(begin, begin + step) for begin in range(0, max(1, outer), step))


def _channel_sum(xp: types.ModuleType, x: Any) -> Any:
    """(outer, channels, inner) summed over outer and inner."""
    return xp.add.reduce(xp.add.reduce(x, axis=2), axis=0)
