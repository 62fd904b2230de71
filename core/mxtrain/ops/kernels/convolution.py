"""Convolution as matrix products over the columns that the windows read (im2col), in blocks of samples.

Layout: data (N, C, *spatial), weight (F, C / groups, *kernel), result (N, F, *counts).
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from mxtrain.ops.kernels.convolution_columns import PositionsLast, choose
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
    matrices = weight.reshape(groups, weight.shape[0] // groups, -1)
    for columns, samples in _blocks(xp, data, matrices, windows, counts):
        for g in range(groups):
            matrix = columns.gather(_group(data[samples], g, groups))
            result = _group(out[samples], g, groups)
            columns.take_rows(product(xp, matrices[g], matrix, columns.place_for_rows(result)), result)
    return out


def backward_data(
    xp: types.ModuleType, gy: Any, weight: Any, windows: Windows, groups: int, counts: tuple[int, ...], out: Any
) -> Any:
    """Write the gradient of the convolution by its data into `out`, whose shape is the data's; returns it."""
    if is_narrow(xp, out.dtype):
        return _in_float32(xp, backward_data, gy, weight, windows, groups, counts, out)
    matrices = weight.reshape(groups, weight.shape[0] // groups, -1)
    for columns, samples in _blocks(xp, out, matrices, windows, counts):
        for g in range(groups):
            target = _group(out[samples], g, groups)
            rows = columns.rows_of(_group(gy[samples], g, groups))
            matrix = columns.columns_matrix(target.shape[1], target.shape[0], gy.dtype)
            columns.scatter(product(xp, matrices[g].T, rows, matrix), target)
    return out


def backward_weight(
    xp: types.ModuleType, gy: Any, data: Any, windows: Windows, groups: int, counts: tuple[int, ...], out: Any
) -> Any:
    """Write the gradient of the convolution by its weight into `out`, whose shape is the weight's; returns it."""
    if is_narrow(xp, out.dtype):
        return _in_float32(xp, backward_weight, gy, data, windows, groups, counts, out)
    matrices = out.reshape(groups, out.shape[0] // groups, -1)
    if data.shape[0] == 0:
        out[...] = 0
    for columns, samples in _blocks(xp, data, matrices, windows, counts):
        for g in range(groups):
            matrix = columns.gather(_group(data[samples], g, groups))
            rows = columns.rows_of(_group(gy[samples], g, groups))
            if samples.start == 0:
                product(xp, rows, matrix.T, matrices[g])
            else:
                matrices[g] += product(xp, rows, matrix.T)
    return out


def _in_float32(
    xp: types.ModuleType, compute: Any, first: Any, second: Any, windows: Windows, groups: int, counts: Any, out: Any
) -> Any:
    """One of the functions above on 16-bit arrays, which would lose digits with every sum."""
    wide = np.empty(out.shape, np.float32)
    out[...] = compute(xp, widen(xp, first), widen(xp, second), windows, groups, counts, wide)
    return out


def _blocks(
    xp: types.ModuleType, data: Any, matrices: Any, windows: Windows, counts: tuple[int, ...]
) -> Iterator[tuple[PositionsLast, slice]]:
    """Ranges of samples whose columns fill about one block, and how to make their columns."""
    _, filters, reads = matrices.shape
    columns = choose(windows, data.shape[0], reads, filters, counts)(xp, windows, counts)
    per_sample = reads * math.prod(counts) * data.dtype.itemsize
    step = max(columns.fewest_samples, _BLOCK_BYTES // max(1, per_sample))
    for start in range(0, data.shape[0], step):
        yield columns, slice(start, min(start + step, data.shape[0]))


def _group(array: Any, g: int, groups: int) -> Any:
    """The channels of a group."""
    channels = array.shape[1] // groups
    return array[:, g * channels : (g + 1) * channels]
