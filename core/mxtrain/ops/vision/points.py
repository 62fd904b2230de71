"""Feature maps interpolated bilinearly at points: values, and gradients by the maps and by where the points lie.

A table holds places as rows, channels last, (K, C). Each point has four corners, rows of the table with weights.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from mxtrain.ops.kernels.scatter import add_at

Array: TypeAlias = Any


@dataclass(frozen=True)
class Corner:
    """One corner of all points: its row in the table, its weight and how that grows with y and with x, (P,) each."""

    row: Array
    weight: Array
    by_y: Array
    by_x: Array


def corners_of(xp: Any, y: Array, x: Array, height: int, width: int, first_row: Array) -> list[Corner]:
    """The corners of points at (y, x), flat arrays, in maps of height * width rows that begin at first_row.

    Corners outside the map have weight 0.
    """
    top, left = xp.floor(y), xp.floor(x)
    right_share, lower_share = x - left, y - top
    top, left = top.astype(np.int64), left.astype(np.int64)
    corners = []
    for down in (0, 1):
        row_weight, row_slope = (lower_share, 1) if down else (1 - lower_share, -1)
        rows = top + down
        for right in (0, 1):
            weight, slope = (right_share, 1) if right else (1 - right_share, -1)
            columns = left + right
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            place = first_row + rows.clip(0, height - 1) * width + columns.clip(0, width - 1)
            corners.append(
                Corner(
                    place,
                    # chosen, not multiplied: what is not finite lies outside
                    xp.where(inside, row_weight * weight, 0),
                    xp.where(inside, row_slope * weight, 0),
                    xp.where(inside, row_weight * slope, 0),
                )
            )
    return corners


def clipped_corners_of(
    xp: Any, y: Array, x: Array, height: int, width: int, first_row: Array, share: Array
) -> list[Corner]:
    """As corners_of, but points outside the map are moved to its border; all weights are multiplied by share, (P,)."""
    free_y, free_x = share * ((y >= 0) & (y < height - 1)), share * ((x >= 0) & (x < width - 1))
    corners = corners_of(xp, y.clip(0, height - 1), x.clip(0, width - 1), height, width, first_row)
    return [Corner(c.row, share * c.weight, free_y * c.by_y, free_x * c.by_x) for c in corners]


def values_at(table: Array, corners: list[Corner]) -> Array:
    """The interpolated values, (P, C)."""
    return sum(table[corner.row] * corner.weight[:, None] for corner in corners)


def spread_values(xp: Any, values: Array, corners: list[Corner], count: int) -> Array:
    """The gradient of values_at by its table of `count` rows, from that by its values (P, C)."""
    table = xp.zeros((count, values.shape[1]), values.dtype)
    for corner in corners:
        add_at(xp, table, corner.row, values * corner.weight[:, None])
    return table


def slopes_at(xp: Any, table: Array, values: Array, corners: list[Corner]) -> tuple[Array, Array]:
    """The gradients of values_at by y and x of the points, (P,) each, from that by its values (P, C)."""
    along = [xp.einsum("pc,pc->p", table[corner.row], values) for corner in corners]
    by_y = sum(corner.by_y * value for corner, value in zip(corners, along, strict=True))
    by_x = sum(corner.by_x * value for corner, value in zip(corners, along, strict=True))
    return by_y, by_x


def channels_last(data: Array) -> Array:
    """(N, C, ...) as a table (N * places, C)."""
    count, channels, places = data.shape[0], data.shape[1], math.prod(data.shape[2:])
    return data.reshape(count, channels, places).swapaxes(1, 2).reshape(count * places, channels)


def channels_first(table: Array, shape: tuple[int, ...]) -> Array:
    """The opposite of channels_last, in the given shape (N, C, ...)."""
    return table.reshape(shape[0], math.prod(shape[2:]), shape[1]).swapaxes(1, 2).reshape(shape)
