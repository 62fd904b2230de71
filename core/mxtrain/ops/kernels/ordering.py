"""Sorting along an axis, and the positions that sort it: equal elements stay in their order, NaN counts as largest."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from mxtrain.ops.kernels import blocks
from mxtrain.ops.kernels.precision import widen

# so few elements are looked for one after the other
_MOST_PICKED = 32
# from this many elements on, sorting keys outweighs making them
_MIN_KEYS = 1024


def sort(xp: types.ModuleType, data: Any, axis: int) -> Any:
    """A sorted copy."""
    if not blocks.is_large(xp, data.size):
        return xp.sort(data, axis=axis)
    rows = _rows(data, axis, copy=True)
    blocks.over_rows(len(rows), rows.shape[1], lambda part: rows[part].sort(axis=1))
    return _along_axis(rows, data.shape, axis)


def first_positions(xp: types.ModuleType, data: Any, axis: int, count: int, ascending: bool) -> Any:
    """The positions of the `count` first elements in rising or falling order."""
    size = data.shape[axis]
    if xp is not np or data.size < _MIN_KEYS or data.dtype.kind == "b" or size == 0:
        return _stable_order(xp, data, axis, ascending)[(*(slice(None),) * axis, slice(count))]
    rows = _rows(widen(xp, data), axis)
    found = np.empty((len(rows), count), np.int64)

    def compute(part: slice) -> None:
        found[part] = _order_rows(rows[part], count, ascending)

    blocks.over_rows(len(rows), size, compute)
    return _along_axis(found, data.shape, axis)


def _rows(data: np.ndarray, axis: int, copy: bool = False) -> np.ndarray:
    moved = np.moveaxis(data, axis, -1)
    return (moved.copy() if copy else np.ascontiguousarray(moved)).reshape(-1, data.shape[axis])


def _along_axis(rows: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    return np.moveaxis(rows.reshape(*shape[:axis], *shape[axis + 1 :], rows.shape[1]), -1, axis)


def _stable_order(xp: types.ModuleType, data: Any, axis: int, ascending: bool) -> Any:
    if ascending:
        return xp.argsort(data, axis=axis, kind="stable")
    # reversed before and after, so that equal elements stay in their order
    flipped = xp.flip(data, axis)
    return data.shape[axis] - 1 - xp.flip(xp.argsort(flipped, axis=axis, kind="stable"), axis)


def _order_rows(rows: np.ndarray, count: int, ascending: bool) -> np.ndarray:
    if count <= _MOST_PICKED and count * 4 <= rows.shape[1]:
        picked = _pick(rows.copy(), count, ascending)
        if picked is not None:
            return picked
    keys = _keys(rows, ascending)
    if keys is None:
        order: np.ndarray = _stable_order(np, rows, 1, ascending)[:, :count]
        return order
    keys.sort(axis=1)
    return keys[:, :count] & 0xFFFFFFFF


def _pick(rows: np.ndarray, count: int, ascending: bool) -> np.ndarray | None:
    """The first positions, each found among those that are left; None where the elements leave it open. Spoils rows."""
    dtype = rows.dtype
    ends = (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    taken = dtype.type(ends[ascending])  # stands in the place of elements that are found, and must not be one itself
    found = np.empty((len(rows), count), np.int64)
    every = np.arange(len(rows))
    for number in range(count):
        at = rows.argmin(axis=1) if ascending else rows.argmax(axis=1)
        values = rows[every, at]
        if (values == taken).any() or (ascending and (values != values).any()):
            return None
        rows[every, at] = taken
        found[:, number] = at
    return found


def _keys(rows: np.ndarray, ascending: bool) -> np.ndarray | None:
    """Integers that sort as the elements do and end in their positions; None where there are none of 64 bits."""
    if rows.dtype == np.float32:
        if np.isnan(rows).any():
            return None
        bits = (rows + np.float32(0)).view(np.int32)  # -0.0 becomes 0.0
        bits ^= (bits >> 31) & 0x7FFFFFFF  # of negative numbers, the larger ones have the smaller bits
        keys = bits.astype(np.int64)
    elif rows.dtype.kind in "iu" and np.can_cast(rows.dtype, np.int32):
        keys = rows.astype(np.int64)
    else:
        return None
    if not ascending:
        np.invert(keys, out=keys)
    keys <<= 32
    keys |= np.arange(rows.shape[1])
    return keys
