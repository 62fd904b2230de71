"""Permuting axes into new memory."""

import functools
import math
from typing import Any

import numpy as np

from mxtrain.device import host_memory
from mxtrain.device.threads import for_each
from mxtrain.ops.kernels import blocks

# a block of 1024 x 64 float32 numbers takes 256 KiB: it fits a second-level cache; with smaller ones, threads wait for
# each other between the calls
BLOCK_ROWS = 1024
BLOCK_COLUMNS = 64
# from this many elements per matrix on, blocks pay
MIN_ELEMENTS = 1 << 16


def transposed(xp: Any, data: Any, axes: tuple[int, ...], out: Any = None) -> Any:
    """A C-contiguous array whose axis i is axis axes[i] of data; written to `out` if given."""
    view = data.transpose(axes)
    if out is None:
        out = host_memory.empty(view.shape, data.dtype) if xp is np else xp.empty(view.shape, data.dtype)
    matrices = _as_matrices(data.shape, axes) if xp is np and data.size >= MIN_ELEMENTS else None
    if matrices is None:
        out[...] = view
        return out
    batch, rows, columns = matrices
    source, target = data.reshape(batch, rows, columns), out.reshape(batch, columns, rows)
    if batch > 1:
        for_each(batch, lambda index: _transpose_matrix(source[index], target[index]))
    else:
        step = max(1, blocks.ELEMENTS // (rows * BLOCK_COLUMNS)) * BLOCK_COLUMNS  # columns, whole blocks of them
        blocks.over_range(columns, step, lambda part: _transpose_matrix(source[0, :, part], target[0, part]))
    return out


@functools.lru_cache(256)
def _as_matrices(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(batch, rows, columns) where the permutation transposes large matrices; None where it is of another kind."""
    groups: list[list[int]] = []  # source axes that stay neighbours
    for axis in axes:
        if groups and axis == groups[-1][-1] + 1:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    order = sorted(range(len(groups)), key=lambda group: groups[group][0])
    sizes = [math.prod(shape[axis] for axis in groups[group]) for group in order]
    if order == [1, 0]:
        batch, rows, columns = 1, *sizes
    elif order == [0, 2, 1]:
        batch, rows, columns = sizes
    else:
        return None
    return (batch, rows, columns) if min(rows, columns) >= 32 and rows * columns >= MIN_ELEMENTS else None


def _transpose_matrix(source: np.ndarray, target: np.ndarray) -> None:
    """Computes target = source.T by blocks, gathered first: rows that lie a power of two apart collide in a cache."""
    rows, columns = source.shape
    block = np.empty((BLOCK_ROWS, BLOCK_COLUMNS), source.dtype)
    for row in range(0, rows, BLOCK_ROWS):
        for column in range(0, columns, BLOCK_COLUMNS):
            part = source[row : row + BLOCK_ROWS, column : column + BLOCK_COLUMNS]
            gathered = block[: part.shape[0], : part.shape[1]]
            gathered[...] = part
            target[column : column + BLOCK_COLUMNS, row : row + BLOCK_ROWS] = gathered.T
