"""Computing large arrays in blocks that fit a cache, on several threads.

Where a result depends on the blocks, as that of a sum does, they follow from the shapes alone and not from the number
of threads: nor does the result.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.device.threads import for_each, num_threads

# elements in a block: float32 arrays of 1 MiB; with smaller ones, threads wait for each other between the calls
ELEMENTS = 1 << 18
# arrays from this many elements on are cut; below, waking a thread costs more than it saves
MIN_ELEMENTS = 1 << 19
_MOST_ELEMENTS = 1 << 20
# elements that are reduced at a time: what takes so little time per element is cut into larger parts
REDUCED_ELEMENTS = 1 << 19


def is_large(xp: types.ModuleType, size: int) -> bool:
    """Whether an array of `size` elements is worth cutting; on a GPU none is."""
    return size >= MIN_ELEMENTS and xp is np


def over_range(total: int, step: int, compute: Callable[[slice], object]) -> None:
    """Call compute(slice) for parts of range(total) that are `step` long, on several threads."""
    for_each(-(-total // step), lambda number: compute(slice(number * step, min((number + 1) * step, total))))


def over_rows(rows: int, row_size: int, compute: Callable[[slice], object]) -> None:
    """Call compute(slice of rows) for blocks of whole rows, each of `row_size` elements, on several threads."""
    over_range(rows, max(1, ELEMENTS // max(row_size, 1)), compute)


def elementwise(compute: Callable[..., Any], arrays: Sequence[np.ndarray], out: np.ndarray) -> np.ndarray:
    """Fill `out` block by block: compute(*parts of arrays, part of out), which returns the part.

    arrays: shapes that broadcast to that of out. out: C-contiguous; may be one of the arrays.
    """
    shape = out.shape
    if all(array.shape == shape for array in arrays):
        arrays, out_rows = [array.reshape(-1) for array in arrays], out.reshape(-1)
    else:
        arrays, out_rows = [_with_leading_axes(array, len(shape)) for array in arrays], out
    rows = len(out_rows)

    def compute_rows(block: slice) -> None:
        part = out_rows[block]
        result = compute(*[array if len(array) != rows else array[block] for array in arrays], part)
        if result is not part:
            part[...] = result

    over_range(rows, max(1, _elementwise_block(out_rows.size) * rows // out_rows.size), compute_rows)
    return out


def _elementwise_block(size: int) -> int:
    """Elements in a block of an element-wise operation: here results do not depend on it, so each thread gets four."""
    return min(max(ELEMENTS, size // (4 * num_threads())), _MOST_ELEMENTS)


def _with_leading_axes(array: np.ndarray, ndim: int) -> np.ndarray:
    return array.reshape((1,) * (ndim - array.ndim) + array.shape)


def along_axis(
    axis: int, arrays: Sequence[np.ndarray], outs: Sequence[np.ndarray], compute: Callable[..., None]
) -> None:
    """Fill `outs` by a computation along one axis (>= 0) of `arrays`, cut between the elements of the axes before it.

    arrays: one shape. outs: the same shape but for the size of that axis. All C-contiguous.
    compute(parts of arrays, parts of outs) fills the latter along axis 1 of parts that have two axes or three.
    """
    shape = arrays[0].shape
    outer, size, inner = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    form = (outer, -1, inner) if inner > 1 else (outer, -1)
    rows, results = ([array.reshape(form) for array in group] for group in (arrays, outs))
    over_rows(
        outer, size * inner, lambda part: compute([array[part] for array in rows], [out[part] for out in results])
    )
