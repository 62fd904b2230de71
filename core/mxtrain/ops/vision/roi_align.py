"""`_contrib_ROIAlign`: averages of feature maps, interpolated at points of regions of interest."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.vision.regions import (
    images_of,
    pool_own_channels,
    pool_regions,
    spread_own_channels,
    spread_regions,
)


def check_regions(data, rois, columns, pooled_size):
    """Raise ArgumentError unless data is (N, C, H, W), rois (R, columns) and pooled_size two positive sizes."""
    types.require_floating(data.dtype)
    if data.ndim != 4:
        raise ArgumentError(f"Expected: data of (N, C, H, W). Received: {data.shape}.")
    if rois.ndim != 2 or rois.shape[1] != columns:
        raise ArgumentError(f"Expected: rois of shape (R, {columns}). Received: {rois.shape}.")
    if len(pooled_size) != 2 or min(pooled_size) < 1:
        raise ArgumentError(f"Expected: pooled_size (height, width), both positive. Received: {pooled_size}.")


def interpolation_weights(xp, start, extent, cells, samples, size):
    """How much each of `size` places counts for each cell of each region along one axis: (R, cells, size).

    start, extent: (R,), where the regions lie. Each cell averages `samples` points (if not positive, as many as the
    cell is long), interpolated linearly between the nearest two places. Points beyond -1 or size count 0.
    """
    cell = extent / cells
    count = xp.full(cell.shape, samples) if samples > 0 else xp.ceil(cell).astype(np.int64)
    most = max(int(count.max()), 1) if count.size else 1
    steps = (xp.arange(most) + 0.5).astype(cell.dtype) * (cell / xp.maximum(count, 1).astype(cell.dtype))[:, None]
    offsets = xp.arange(cells).astype(cell.dtype) * cell[:, None]
    points = start[:, None, None] + offsets[:, :, None] + steps[:, None, :]
    used = (xp.arange(most) < count[:, None])[:, None, :] & (points >= -1) & (points <= size)
    share = used / xp.maximum(count, 1).astype(cell.dtype)[:, None, None]
    points = xp.where(used, points, 0).clip(0, size - 1)
    low = xp.floor(points).astype(np.int64)
    weight = points - low
    result = xp.zeros((len(cell), cells, size), cell.dtype)
    region, at = xp.arange(len(cell))[:, None, None], xp.arange(cells)[:, None]
    xp.add.at(result, (region, at, low), (1 - weight) * share)
    xp.add.at(result, (region, at, xp.minimum(low + 1, size - 1)), weight * share)
    return result


def region_weights(xp, rois, height, width, pooled_size, spatial_scale, sample_ratio, aligned):
    """The weights by row and by column of all regions."""
    scaled = rois[:, 1:] * rois.dtype.type(spatial_scale) - (0.5 if aligned else 0)
    extent = scaled[:, 2:] - scaled[:, :2]
    if not aligned:
        extent = xp.maximum(extent, 1)
    return (
        interpolation_weights(xp, scaled[:, 1], extent[:, 1], pooled_size[0], sample_ratio, height),
        interpolation_weights(xp, scaled[:, 0], extent[:, 0], pooled_size[1], sample_ratio, width),
    )


def _output_channels(channels, p):
    return channels // (p.pooled_size[0] * p.pooled_size[1]) if p.position_sensitive and channels != -1 else channels


_ROIS = np.array([[0.0, 0.5, 0.3, 4.1, 3.7], [1.0, 1.2, 0.0, 9.0, 2.5], [-1.0, 0.0, 0.0, 2.0, 2.0]])


@operator(
    "_contrib_ROIAlign",
    cases=[
        Case(data=(2, 2, 4, 5), rois=_ROIS, pooled_size=(2, 3), spatial_scale=0.8, sample_ratio=2),
        Case(data=(2, 8, 4, 5), rois=_ROIS, pooled_size=(2, 2), spatial_scale=1, position_sensitive=True, aligned=True),
    ],
)
class ROIAlign:
    """Regions of feature maps brought to one size: averages of points in each cell, interpolated bilinearly.

    data: (N, C, H, W), floating. rois: (R, 5), image number (negative: the output is 0) and corners xmin, ymin, xmax,
    ymax, multiplied by spatial_scale. sample_ratio: points per cell and axis (not positive: as many as the cell is
    long). position_sensitive: each cell averages channels of its own, C = channels of the output * h * w. aligned:
    pixels lie half a pixel further. Output: (R, C, h, w), pooled_size = (h, w). Source: arXiv:1703.06870; MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        data, rois = ins
        rois = shapes.unify(rois, (-1 if outs[0] is None else outs[0][0], 5))
        if data is None:
            return [data, rois], [shapes.unify(outs[0], (rois[0], -1, *p.pooled_size))]
        return [data, rois], [shapes.unify(outs[0], (rois[0], _output_channels(data[1], p), *p.pooled_size))]

    def forward(
        xp,
        data,
        rois,
        *,
        pooled_size: Shape,
        spatial_scale: float,
        sample_ratio: int = -1,
        position_sensitive: bool = False,
        aligned: bool = False,
    ):
        check_regions(data, rois, 5, pooled_size)
        wide, regions = widen(xp, data), widen(xp, rois).astype(widen(xp, data).dtype, copy=False)
        images = images_of(xp, regions, len(data))
        weights = region_weights(xp, regions, *data.shape[2:], pooled_size, spatial_scale, sample_ratio, aligned)
        if position_sensitive:
            wide = _by_cell(wide, pooled_size)
            return pool_own_channels(xp, wide, images, *weights).astype(data.dtype, copy=False)
        return pool_regions(xp, wide, images, *weights).astype(data.dtype, copy=False)

    def gradient(F, gy, y, data, rois, **params):
        return F._roi_align_backward(gy, rois, data, **params), None


def _by_cell(data, pooled_size):
    """(N, C * h * w, H, W) as (N, C, h, w, H, W)."""
    cells = pooled_size[0] * pooled_size[1]
    if data.shape[1] % cells:
        raise ArgumentError(f"Expected: a multiple of {cells} channels. Received: data.shape={data.shape}.")
    return data.reshape(data.shape[0], -1, *pooled_size, *data.shape[2:])


@operator(
    "_roi_align_backward",
    cases=[
        Case(gy=(3, 2, 2, 3), rois=_ROIS, like=(2, 2, 4, 5), pooled_size=(2, 3), spatial_scale=0.8),
        Case(
            gy=(3, 2, 2, 2), rois=_ROIS, like=(2, 8, 4, 5), pooled_size=(2, 2), spatial_scale=1, position_sensitive=True
        ),
    ],
)
class ROIAlignBackward:
    """The gradient of `_contrib_ROIAlign` by data: gy spread over the averaged points. Output: like's shape."""

    infer_shape = shapes.like_input(2)

    def forward(
        xp,
        gy,
        rois,
        like,
        *,
        pooled_size: Shape,
        spatial_scale: float,
        sample_ratio: int = -1,
        position_sensitive: bool = False,
        aligned: bool = False,
    ):
        check_regions(like, rois, 5, pooled_size)
        channels = like.shape[1] // (pooled_size[0] * pooled_size[1] if position_sensitive else 1)
        require_shape("gy", gy, (len(rois), channels, *pooled_size))
        wide = widen(xp, gy)
        regions = widen(xp, rois).astype(wide.dtype, copy=False)
        weights = region_weights(xp, regions, *like.shape[2:], pooled_size, spatial_scale, sample_ratio, aligned)
        images = images_of(xp, regions, len(like))
        result = xp.zeros(like.shape, wide.dtype)
        if position_sensitive:
            spread_own_channels(xp, wide, images, *weights, _by_cell(result, pooled_size))
        else:
            spread_regions(xp, wide, images, *weights, result)
        return result.astype(gy.dtype, copy=False)

    def gradient(F, ggx, y, gy, rois, like, **params):
        return F._contrib_ROIAlign(ggx, rois, **params), None, None
