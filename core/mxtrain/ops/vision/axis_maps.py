"""Linear maps along the two spatial axes of feature maps, as matrices (places of the output, places of the input)."""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any


def apply_maps(xp: Any, data: Array, rows: np.ndarray, columns: np.ndarray) -> Array:
    """data (N, C, H, W) mapped along H by rows (h, H) and along W by columns (w, W): (N, C, h, w), dtype of data.

    The axis that shrinks more goes first.
    """
    down, across = (xp.asarray(matrix.astype(data.dtype)) for matrix in (rows, columns))
    if rows.shape[0] * columns.shape[1] < rows.shape[1] * columns.shape[0]:
        return _along_width(_along_height(data, down), across)
    return _along_height(_along_width(data, across), down)


def _along_height(data: Array, matrix: Array) -> Array:
    # one large product instead of a small one per map
    return _along_width(data.swapaxes(2, 3), matrix).swapaxes(2, 3)


def _along_width(data: Array, matrix: Array) -> Array:
    lead = data.shape[:-1]
    return (data.reshape(-1, data.shape[-1]) @ matrix.T).reshape(*lead, len(matrix))


def interpolate(xp: Any, data: Array, axis: int, places: np.ndarray) -> Array:
    """data interpolated linearly along an axis at places (numbers between 0 and its size - 1)."""
    size = data.shape[axis]
    low = np.minimum(np.floor(places).astype(np.int64), size - 1)
    weight = (places - low).astype(data.dtype)
    lower = xp.take(data, xp.asarray(low), axis=axis)
    if not weight.any():
        return lower
    shape = (-1,) + (1,) * (data.ndim - 1 - axis)
    upper = xp.take(data, xp.asarray(np.minimum(low + 1, size - 1)), axis=axis)
    upper -= lower
    upper *= xp.asarray(weight).reshape(shape)
    upper += lower
    return upper


def interpolation_matrix(places: np.ndarray, size: int) -> np.ndarray:
    """What `interpolate` does along an axis, as a matrix (len(places), size)."""
    low = np.minimum(np.floor(places).astype(np.int64), size - 1)
    weight, rows = places - low, np.arange(len(places))
    matrix = np.zeros((len(places), size))
    np.add.at(matrix, (rows, low), 1 - weight)
    np.add.at(matrix, (rows, np.minimum(low + 1, size - 1)), weight)
    return matrix


def averaging_matrix(cells: int, size: int) -> np.ndarray:
    """The averages over `cells` ranges that cover an axis evenly, as a matrix (cells, size)."""
    steps, places = np.arange(cells)[:, None], np.arange(size)
    begin, end = steps * size // cells, -(-(steps + 1) * size // cells)
    inside = (places >= begin) & (places < end)
    return inside / (end - begin)
