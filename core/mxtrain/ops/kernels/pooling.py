"""Pooling over sliding windows, one tap of all windows at a time.

Layout: data (N, C, *spatial), result (N, C, *counts). Windows may reach beyond the data; what lies there is not read.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from mxtrain.ops.kernels.windows import Windows

# bytes of data worked on at once, so that all taps find it in the processor's cache (3x3 windows: twice as fast)
_BLOCK_BYTES = 1 << 20


def _by_planes(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Makes compute(xp, *arrays, windows, out) work on a few planes (sample and channel) at a time, on a CPU."""

    @functools.wraps(compute)
    def blocked(xp: types.ModuleType, *arguments: Any) -> Any:
        *arrays, windows, out = arguments
        planes = out.shape[0] * out.shape[1]
        largest = max(array.nbytes for array in (*arrays, out))
        step = max(1, _BLOCK_BYTES * planes // max(largest, 1))
        if xp is not np or step >= planes:
            return compute(xp, *arguments)
        flat = [array.reshape(1, planes, *array.shape[2:]) for array in (*arrays, out)]
        for start in range(0, planes, step):
            *parts, target = (array[:, start : start + step] for array in flat)
            compute(xp, *parts, windows, target)
        return out

    return blocked


@_by_planes
def max_forward(xp: types.ModuleType, data: Any, windows: Windows, out: Any) -> Any:
    """Write the largest value of each window into `out`; the dtype's lowest where a window reads nothing."""
    taps = windows.taps(data.shape[2:], out.shape[2:])
    if not _first_covers_all(taps, out):
        out[...] = ml_dtypes.finfo(out.dtype).min
    else:
        out[...] = data[taps[0].inputs]
        taps = taps[1:]
    for tap in taps:
        target = out[tap.outputs]
        xp.maximum(target, data[tap.inputs], out=target)
    return out


@_by_planes
def max_backward(xp: types.ModuleType, gy: Any, data: Any, y: Any, windows: Windows, out: Any) -> Any:
    """Write the gradient of max pooling into `out`: each window's gradient goes to its first largest value."""
    out[...] = 0
    waiting = xp.ones(y.shape, bool)
    separate = all(s >= e for s, e in zip(windows.stride, windows.extent, strict=True))
    for tap in windows.taps(data.shape[2:], y.shape[2:]):
        reads, writes = tap.inputs, tap.outputs
        hit = xp.equal(data[reads], y[writes])
        hit &= waiting[writes]
        waiting[writes] ^= hit
        if separate:  # nothing else goes to these places
            xp.multiply(gy[writes], hit, out=out[reads])
        else:
            out[reads] += gy[writes] * hit
    return out


@_by_planes
def sum_forward(xp: types.ModuleType, data: Any, windows: Windows, out: Any) -> Any:
    """Write the sum of each window into `out`."""
    taps = windows.taps(data.shape[2:], out.shape[2:])
    if not _first_covers_all(taps, out):
        out[...] = 0
    else:
        out[...] = data[taps[0].inputs]
        taps = taps[1:]
    for tap in taps:
        out[tap.outputs] += data[tap.inputs]
    return out


@_by_planes
def sum_backward(xp: types.ModuleType, gy: Any, windows: Windows, out: Any) -> Any:
    """Write the gradient of sum pooling into `out`: each value gets the sum of its windows' gradients."""
    out[...] = 0
    for tap in windows.taps(out.shape[2:], gy.shape[2:]):
        out[tap.inputs] += gy[tap.outputs]
    return out


def window_sizes(xp: types.ModuleType, windows: Windows, data: Any, counts: tuple[int, ...], include_pad: bool) -> Any:
    """What an average divides by: a number where it is the same for all windows, else an array of shape counts."""
    table = _window_sizes(windows, data.shape[2:], counts, include_pad)
    return table if isinstance(table, int) else xp.asarray(table, data.dtype)


@functools.lru_cache(maxsize=256)
def _window_sizes(
    windows: Windows, sizes: tuple[int, ...], counts: tuple[int, ...], include_pad: bool
) -> np.ndarray | int:
    table = np.ones((), np.int64)
    for size, count, k, s, p in zip(sizes, counts, windows.kernel, windows.stride, windows.pad, strict=True):
        start = np.arange(count) * s - p
        stop = np.minimum(start + k, size + (p if include_pad else 0))
        along = np.maximum(stop - (start if include_pad else np.maximum(start, 0)), 1)
        table = table[..., None] * along
    return int(table.flat[0]) if table.size and (table == table.flat[0]).all() else table


def _first_covers_all(taps: Any, out: Any) -> bool:
    """Whether the first tap reads a value for every output, so that it can initialise them."""
    return bool(taps) and all(o == slice(0, n) for o, n in zip(taps[0].outputs[2:], out.shape[2:], strict=True))
