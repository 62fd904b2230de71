"""The columns that a deformable convolution reads: one row per channel and tap, one column per window.

data: (N, C, H, W). offset: (N, parts * taps * 2, h, w). mask: (N, parts * taps, h, w) or None.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from mxtrain.ops.kernels.windows import Windows
from mxtrain.ops.vision.points import Corner, clipped_corners_of, corners_of, slopes_at, spread_values, values_at

Array: TypeAlias = Any


@dataclass(frozen=True)
class Geometry:
    """Windows, how many there are along each axis, groups of channels with common offsets, and of the convolution.

    clips: points outside the data read 0 and those on its border the border; else zeros surround the data.
    """

    windows: Windows
    counts: tuple[int, int]
    parts: int
    groups: int
    clips: bool


def _table(data: Array, parts: int) -> Array:
    """(N * parts * H * W, C / parts): the rows that points read."""
    count, channels = data.shape[:2]
    return data.reshape(count, parts, channels // parts, -1).swapaxes(2, 3).reshape(-1, channels // parts)


def _untabled(table: Array, shape: tuple[int, ...], parts: int) -> Array:
    """The opposite of _table, in data's shape."""
    return table.reshape(shape[0], parts, -1, shape[1] // parts).swapaxes(2, 3).reshape(shape)


def _axis_places(xp: Any, geometry: Geometry, axis: int, dtype: Any) -> Array:
    """Where the taps of all windows lie along an axis without offsets: (taps of the axis, windows)."""
    windows = geometry.windows
    taps = xp.arange(windows.kernel[axis]) * windows.dilate[axis] - windows.pad[axis]
    return (taps[:, None] + xp.arange(geometry.counts[axis]) * windows.stride[axis]).astype(dtype)


def _corners(xp: Any, data: Array, offset: Array, geometry: Geometry) -> list[Corner]:
    """The corners of all points, in the order (N, part, tap, window)."""
    count, _, height, width = data.shape
    moved = offset.reshape(count, geometry.parts, *geometry.windows.kernel, 2, *geometry.counts)
    down, across = (_axis_places(xp, geometry, axis, data.dtype) for axis in (0, 1))
    y = (moved[..., 0, :, :] + down[:, None, :, None]).reshape(-1)
    x = (moved[..., 1, :, :] + across[None, :, None, :]).reshape(-1)
    per_map = geometry.windows.size * geometry.counts[0] * geometry.counts[1]
    first = xp.repeat(xp.arange(count * geometry.parts, dtype=np.int64) * (height * width), per_map)
    if not geometry.clips:
        return corners_of(xp, y, x, height, width, first)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return clipped_corners_of(xp, y, x, height, width, first, inside)


def _points_first(columns: Array, geometry: Geometry) -> Array:
    """Columns (N, C * taps, windows) as (points, C / parts)."""
    shape = (columns.shape[0], geometry.parts, -1, geometry.windows.size, columns.shape[-1])
    by_channel = columns.reshape(shape)
    return by_channel.transpose(0, 1, 3, 4, 2).reshape(-1, by_channel.shape[2])


def _spread_mask(mask: Array) -> Array:
    return mask.reshape(-1)[:, None]


def columns_of(xp: Any, data: Array, offset: Array, mask: Array | None, geometry: Geometry) -> Array:
    """The columns, (N, C * taps, windows)."""
    values = values_at(_table(data, geometry.parts), _corners(xp, data, offset, geometry))
    if mask is not None:
        values *= _spread_mask(mask)
    shape = (data.shape[0], geometry.parts, geometry.windows.size, -1, values.shape[1])
    windows = geometry.counts[0] * geometry.counts[1]
    return values.reshape(shape).transpose(0, 1, 4, 2, 3).reshape(data.shape[0], -1, windows)


def by_columns(
    xp: Any, gradient: Array, data: Array, offset: Array, mask: Array | None, geometry: Geometry
) -> tuple[Array, Array, Array | None]:
    """The gradients by data, offset and mask (None without one), from that by the columns (N, C * taps, windows)."""
    corners, table = _corners(xp, data, offset, geometry), _table(data, geometry.parts)
    by_point, by_mask = _points_first(gradient, geometry), None
    if mask is not None:
        by_mask = xp.einsum("pc,pc->p", by_point, values_at(table, corners)).reshape(mask.shape)
        by_point = by_point * _spread_mask(mask)
    by_y, by_x = slopes_at(xp, table, by_point, corners)
    shape = (data.shape[0], geometry.parts, geometry.windows.size, *geometry.counts)
    by_offset = xp.stack([by_y.reshape(shape), by_x.reshape(shape)], axis=3).reshape(offset.shape)
    spread = spread_values(xp, by_point, corners, len(table))
    return _untabled(spread, data.shape, geometry.parts), by_offset, by_mask
