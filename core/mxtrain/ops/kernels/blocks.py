"""Computing large arrays in blocks that fit a cache, on several threads.

The blocks follow from the shapes alone: results do not depend on the number of threads.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.device.threads import for_each

# elements in a block: float32 arrays of 512 KiB, a few of which fit a second-level cache
ELEMENTS = 1 << 17
# arrays from this many elements on are cut; below, waking a thread costs more than it saves
MIN_ELEMENTS = 1 << 18


def is_large(xp: types.ModuleType, size: int) -> bool:
    """Whether an array of `size` elements is worth cutting; on a GPU none is."""
    return size >= MIN_ELEMENTS and xp is np


def over_rows(rows: int, row_size: int, compute: Callable[[slice], None]) -> None:
    """Call compute(slice of rows) for blocks of whole rows, each of `row_size` elements, on several threads."""
    step = max(1, ELEMENTS // max(row_size, 1))

    def compute_block(number: int) -> None:
        compute(slice(number * step, min((number + 1) * step, rows)))

    for_each(-(-rows // step), compute_block)


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

    over_rows(rows, out_rows.size // rows, compute_rows)
    return out


def _with_leading_axes(array: np.ndarray, ndim: int) -> np.ndarray:
    return array.reshape((1,) * (ndim - array.ndim) + array.shape)
