"""Taking slices of an array by position."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from mxtrain.device import host_memory
from mxtrain.ops.kernels import blocks


def take(
    data: np.ndarray, positions: np.ndarray, axis: int, mode: Literal["clip", "wrap"], out: np.ndarray | None = None
) -> np.ndarray:
    """Slices of a NumPy array along an axis (>= 0) of size 1 or more, on several threads where they are large.

    positions: integers, any shape. mode: "clip" or "wrap" those outside the axis. Output: the axis replaced by the axes
    of positions.
    """
    positions = positions.astype(np.intp, copy=False)
    slice_size = math.prod(data.shape[axis + 1 :])
    if axis or positions.size * slice_size < blocks.MIN_ELEMENTS:
        options: Any = {"axis": axis, "out": out, "mode": mode}
        return data.take(positions, **options)
    result = host_memory.empty((*positions.shape, *data.shape[1:]), data.dtype) if out is None else out
    flat, slices = positions.reshape(-1), result.reshape(-1, *data.shape[1:])
    step = max(1, blocks.REDUCED_ELEMENTS // slice_size)
    blocks.over_range(len(flat), step, lambda part: data.take(flat[part], 0, out=slices[part], mode=mode))
    return result
