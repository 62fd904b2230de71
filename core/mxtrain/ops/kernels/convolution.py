"""Convolution as matrix products over the columns that the windows read (im2col), in blocks of samples.

Layout: data (N, C, *spatial), weight (F, C / groups, *kernel), result (N, F, *counts).
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from mxtrain.device.scratch import scratch
from mxtrain.ops.kernels.precision import is_narrow, widen
from mxtrain.ops.kernels.products import product
from mxtrain.ops.kernels.windows import Windows

# bytes of columns gathered at once: small enough for a third-level cache, large enough for efficient products
_BLOCK_BYTES = 4 << 20


def forward(
    xp: types.ModuleType, data: Any, weight: Any, windows: Windows, groups: int, counts: tuple[int, ...], out: Any
) -> Any:
    """Write the convolution of data with weight into `out`, which is returned."""
    if is_narrow(xp, out.dtype):
        return _in_float32(xp, forward, data, weight, windows, groups, counts, out)
    filters = weight.shape[0] // groups
    matrices = weight.reshape(groups, filters, -1)
    for samples in _blocks(data, windows, groups, counts):
        n = samples.stop - samples.start
        for g in range(groups):
            columns = _gather(xp, _group(data[samples], g, groups), windows, counts)
            target = out[samples, g * filters : (g + 1) * filters].reshape(n, filters, -1)
            if n == 1:
                product(xp, matrices[g], columns, target[0])
                continue
            rows = product(xp, matrices[g], columns, scratch(xp, "conv_rows", (filters, columns.shape[1]), data.dtype))
            target[...] = rows.reshape(filters, n, -1).swapaxes(0, 1)
    return out


def backward_data(
    xp: types.ModuleType, gy: Any, weight: Any, windows: Windows, groups: int, counts: tuple[int, ...], out: Any
) -> Any:
    """Write the gradient of the convolution by its data into `out`, whose shape is the data's; returns it."""
    if is_narrow(xp, out.dtype):
        return _in_float32(xp, backward_data, gy, weight, windows, groups, counts, out)
    filters = weight.shape[0] // groups
    matrices = weight.reshape(groups, filters, -1)
    if not windows.is_pointwise:
        out[...] = 0
    for samples in _blocks(out, windows, groups, counts):
        for g in range(groups):
            rows = _rows(xp, gy[samples, g * filters : (g + 1) * filters])
            columns = scratch(xp, "conv_columns", (matrices.shape[2], rows.shape[1]), gy.dtype)
            product(xp, matrices[g].T, rows, columns)
            _scatter(xp, columns, _group(out[samples], g, groups), windows, counts)
    return out


def backward_weight(
    xp: types.ModuleType, gy: Any, data: Any, windows: Windows, groups: int, counts: tuple[int, ...], out: Any
) -> Any:
    """Write the gradient of the convolution by its weight into `out`, whose shape is the weight's; returns it."""
    if is_narrow(xp, out.dtype):
        return _in_float32(xp, backward_weight, gy, data, windows, groups, counts, out)
    filters = out.shape[0] // groups
    matrices = out.reshape(groups, filters, -1)
    for samples in _blocks(data, windows, groups, counts):
        for g in range(groups):
            columns = _gather(xp, _group(data[samples], g, groups), windows, counts)
            rows = _rows(xp, gy[samples, g * filters : (g + 1) * filters])
            if samples.start == 0:
                product(xp, rows, columns.T, matrices[g])
            else:
                matrices[g] += product(xp, rows, columns.T)
    return out


def _in_float32(
    xp: types.ModuleType, compute: Any, first: Any, second: Any, windows: Windows, groups: int, counts: Any, out: Any
) -> Any:
    """One of the functions above on 16-bit arrays, which would lose digits with every sum."""
    wide = np.empty(out.shape, np.float32)
    out[...] = compute(xp, widen(xp, first), widen(xp, second), windows, groups, counts, wide)
    return out


def _blocks(data: Any, windows: Windows, groups: int, counts: tuple[int, ...]) -> Iterator[slice]:
    """Ranges of samples whose columns fill about one block."""
    per_sample = data.shape[1] // groups * windows.size * data.dtype.itemsize
    for count in counts:
        per_sample *= count
    step = max(1, _BLOCK_BYTES // max(1, per_sample))
    for start in range(0, data.shape[0], step):
        yield slice(start, min(start + step, data.shape[0]))


def _group(data: Any, g: int, groups: int) -> Any:
    channels = data.shape[1] // groups
    return data[:, g * channels : (g + 1) * channels]


def _rows(xp: types.ModuleType, gy: Any) -> Any:
    """(n, filters, *counts) as a matrix (filters, n * positions)."""
    n, filters = gy.shape[:2]
    if n == 1:
        return gy.reshape(filters, -1)
    flat = gy.reshape(n, filters, -1)
    rows = scratch(xp, "conv_rows", (filters, n, flat.shape[2]), gy.dtype)
    rows[...] = flat.swapaxes(0, 1)
    return rows.reshape(filters, -1)


def _gather(xp: types.ModuleType, data: Any, windows: Windows, counts: tuple[int, ...]) -> Any:
    """The columns that the windows read from data (n, C, *spatial): a matrix (C * taps, n * positions)."""
    n, channels = data.shape[:2]
    if windows.is_pointwise and n == 1:
        return data.reshape(channels, -1)
    columns = scratch(xp, "conv_columns", (channels, windows.size, n, *counts), data.dtype)
    if any(windows.pad):
        columns[...] = 0
    source = data.swapaxes(0, 1)
    for tap in windows.taps(data.shape[2:], counts):
        columns[:, tap.index][tap.outputs] = source[tap.inputs]
    return columns.reshape(channels * windows.size, -1)


def _scatter(xp: types.ModuleType, columns: Any, target: Any, windows: Windows, counts: tuple[int, ...]) -> None:
    """Add columns to the places of target (n, C, *spatial) that they were read from."""
    n, channels = target.shape[:2]
    table = columns.reshape(channels, windows.size, n, *counts)
    by_channel = target.swapaxes(0, 1)
    if windows.is_pointwise:
        by_channel[...] = table[:, 0]
        return
    for tap in windows.taps(target.shape[2:], counts):
        place = by_channel[tap.inputs]
        place += table[:, tap.index][tap.outputs]
