"""Index arrays as positions: what `take`, `pick` and their like have in common."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, IndexRangeError


def as_positions(xp: Any, indices: Any, size: int, mode: str) -> Any:
    """Indices (any dtype; fractions are dropped) as integers within [0, size).

    mode: "clip" moves those outside to the nearest end, "wrap" counts modulo size, "raise" raises IndexRangeError.
    """
    positions = indices if indices.dtype.kind in "iu" else indices.astype(np.int64)
    if size == 0 and positions.size:
        raise ArgumentError("Expected: an axis with elements to take from. Received: one of size 0.")
    if mode == "clip":
        return positions.clip(0, size - 1)
    if mode == "wrap":
        return positions % size if positions.dtype.kind == "i" else positions.astype(np.int64) % size
    if positions.size and not (int(positions.min()) >= 0 and int(positions.max()) < size):
        raise IndexRangeError(
            f"Expected: indices in [0, {size}). Received: indices from {positions.min()} to {positions.max()}."
        )
    return positions


def zeroed(xp: Any, shape: tuple[int, ...], dtype: Any, out: Any) -> Any:
    """Zeros: in `out`, or in a new array of a shape and dtype."""
    if out is None:
        return xp.zeros(shape, dtype)
    out[...] = 0
    return out
