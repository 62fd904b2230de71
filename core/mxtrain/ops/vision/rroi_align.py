"""`_contrib_RROIAlign`: averages of feature maps, interpolated at points of rotated regions of interest."""

import math

import numpy as np

from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.vision.points import (
    channels_first,
    channels_last,
    clipped_corners_of,
    spread_values,
    values_at,
)
from mxtrain.ops.vision.regions import images_of
from mxtrain.ops.vision.roi_align import check_regions


def _cell_points(xp, extent, cells, samples):
    """Where points lie along one axis of each region, from its center, and the share of each: (R, cells, points)."""
    cell = extent / cells
    count = xp.full(cell.shape, samples) if samples > 0 else xp.ceil(cell).astype(np.int64)
    steps = xp.arange(max(int(count.max()), 1) if count.size else 1)
    within = (steps + 0.5).astype(cell.dtype) * (cell / count.astype(cell.dtype))[:, None]
    places = (xp.arange(cells).astype(cell.dtype) * cell[:, None] - extent[:, None] / 2)[:, :, None] + within[
        :, None, :
    ]
    share = (steps < count[:, None]) / count.astype(cell.dtype)[:, None]
    return places, xp.broadcast_to(share[:, None, :], places.shape)


def _corners(xp, rois, shape, pooled_size, spatial_scale, samples):
    """The corners of all points, (R, h, w, points by y, points by x) flattened, with shares, and that shape."""
    images = xp.asarray(images_of(xp, rois, shape[0]))
    scaled = rois[:, 1:5] * rois.dtype.type(spatial_scale)
    angle = rois[:, 5] * rois.dtype.type(math.pi / 180)
    extent = xp.maximum(scaled[:, 2:], 1)
    down, share_y = _cell_points(xp, extent[:, 1], pooled_size[0], samples)
    across, share_x = _cell_points(xp, extent[:, 0], pooled_size[1], samples)
    down, share_y = down[:, :, None, :, None], share_y[:, :, None, :, None]
    across, share_x = across[:, None, :, None, :], share_x[:, None, :, None, :]
    sine, cosine, center_x, center_y = (
        array.reshape(-1, 1, 1, 1, 1) for array in (xp.sin(angle), xp.cos(angle), scaled[:, 0], scaled[:, 1])
    )
    x = across * cosine + down * sine + center_x
    y = down * cosine - across * sine + center_y
    height, width = shape[2:]
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width) & (images >= 0).reshape(-1, 1, 1, 1, 1)
    share = (inside * (share_y * share_x)).reshape(-1)
    first = xp.broadcast_to((xp.maximum(images, 0) * (height * width)).reshape(-1, 1, 1, 1, 1), x.shape).reshape(-1)
    corners = clipped_corners_of(xp, y.reshape(-1), x.reshape(-1), height, width, first, share)
    return corners, x.shape


_ROIS = np.array([[0.0, 2.1, 1.7, 3, 2, 30], [1.0, 2, 2, 4, 3, -60], [1.0, 4, 3, 0.5, 0.2, 135]])
_CASE = {"rois": _ROIS, "pooled_size": (2, 3), "spatial_scale": 0.8}


@operator(
    "_contrib_RROIAlign", cases=[Case(data=(2, 2, 4, 5), **_CASE), Case(data=(2, 2, 4, 5), sampling_ratio=2, **_CASE)]
)
class RROIAlign:
    """Rotated regions of feature maps brought to one size: averages of points in each cell, interpolated bilinearly.

    data: (N, C, H, W), floating. rois: (R, 6), image number (negative: the output is 0), center x and y, width, height
    (multiplied by spatial_scale) and angle in degrees. sampling_ratio: points per cell and axis (not positive: as many
    as the cell is long). Output: (R, C, h, w), pooled_size = (h, w). Source: arXiv:1703.01086; MXNet 1.9.1, which has
    no gradient for it.
    """

    def infer_shape(ins, outs, p):
        data, rois = ins
        rois = shapes.unify(rois, (-1 if outs[0] is None else outs[0][0], 6))
        return [data, rois], [shapes.unify(outs[0], (rois[0], -1 if data is None else data[1], *p.pooled_size))]

    def forward(xp, data, rois, *, pooled_size: Shape, spatial_scale: float, sampling_ratio: int = -1):
        check_regions(data, rois, 6, pooled_size)
        wide = widen(xp, data)
        regions = rois.astype(wide.dtype, copy=False)
        corners, grid = _corners(xp, regions, data.shape, pooled_size, spatial_scale, sampling_ratio)
        values = values_at(channels_last(wide), corners).reshape(*grid, data.shape[1]).sum(axis=(3, 4))
        return values.transpose(0, 3, 1, 2).astype(data.dtype, copy=False)

    def gradient(F, gy, y, data, rois, **params):
        return F._rroi_align_backward(gy, rois, data, **params), None


@operator("_rroi_align_backward", cases=[Case(gy=(3, 2, 2, 3), like=(2, 2, 4, 5), **_CASE)])
class RROIAlignBackward:
    """The gradient of `_contrib_RROIAlign` by data: gy spread over the averaged points. Output: like's shape."""

    infer_shape = shapes.like_input(2)

    def forward(xp, gy, rois, like, *, pooled_size: Shape, spatial_scale: float, sampling_ratio: int = -1):
        check_regions(like, rois, 6, pooled_size)
        require_shape("gy", gy, (len(rois), like.shape[1], *pooled_size))
        wide = widen(xp, gy)
        regions = rois.astype(wide.dtype, copy=False)
        corners, grid = _corners(xp, regions, like.shape, pooled_size, spatial_scale, sampling_ratio)
        cells = wide.transpose(0, 2, 3, 1)[:, :, :, None, None]
        values = xp.broadcast_to(cells, (*grid, like.shape[1])).reshape(-1, like.shape[1])
        table = spread_values(xp, values, corners, like.shape[0] * like.shape[2] * like.shape[3])
        return channels_first(table, like.shape).astype(gy.dtype, copy=False)

    def gradient(F, ggx, y, gy, rois, like, **params):
        return F._contrib_RROIAlign(ggx, rois, **params), None, None
