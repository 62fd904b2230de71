"""`_contrib_PSROIPooling`: averages over cells of regions of interest, each cell with channels of its own."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_shape
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.vision.regions import images_of, pool_own_channels, spread_own_channels
from mxtrain.ops.vision.roi_align import check_regions


def round_half_away(xp, values):
    """To the nearest whole number, halves away from 0."""
    return xp.sign(values) * xp.floor(xp.abs(values) + 0.5)


def _cell_weights(xp, first, last, cells, scale, size):
    """1 / length for the places in each cell of each region along one axis: (R, cells, size)."""
    start = round_half_away(xp, first) * scale
    cell = xp.maximum((round_half_away(xp, last) + 1) * scale - start, start.dtype.type(0.1)) / cells
    steps = xp.arange(cells).astype(start.dtype)
    begin = xp.floor(steps * cell[:, None] + start[:, None]).clip(0, size)[..., None]
    end = xp.ceil((steps + 1) * cell[:, None] + start[:, None]).clip(0, size)[..., None]
    places = xp.arange(size)
    inside = (places >= begin) & (places < end)
    return inside.astype(start.dtype) / xp.maximum(end - begin, 1)


def _weights(xp, rois, height, width, pooled, spatial_scale):
    scale = rois.dtype.type(spatial_scale)
    return (
        _cell_weights(xp, rois[:, 2], rois[:, 4], pooled, scale, height),
        _cell_weights(xp, rois[:, 1], rois[:, 3], pooled, scale, width),
    )


def _groups_of_cells(pooled, group):
    """The group of channels that each cell along an axis reads."""
    return np.minimum(np.arange(pooled) * group // pooled, group - 1)


def _check(data, rois, output_dim, pooled, group):
    check_regions(data, rois, 5, (pooled, pooled))
    if group < 1 or data.shape[1] != output_dim * group * group:
        raise ArgumentError(
            f"Expected: data with output_dim * group_size^2 = {output_dim * group * group} channels. "
            f"Received: data.shape={data.shape}."
        )


_ROIS = np.array([[0.0, 0.5, 0.3, 4.1, 3.7], [1.0, 1.2, 0.0, 9.0, 2.5]])
_CASES = [
    {"rois": _ROIS, "spatial_scale": 0.8, "output_dim": 2, "pooled_size": 2},
    {"rois": _ROIS, "spatial_scale": 1, "output_dim": 2, "pooled_size": 3, "group_size": 2},
]


@operator("_contrib_PSROIPooling", cases=[Case(data=(2, 8, 4, 5), **case) for case in _CASES])
class PSROIPooling:
    """Position-sensitive averages over the cells of regions of interest.

    data: (N, output_dim * G * G, H, W), floating; G = group_size (0: pooled_size). rois: (R, 5), image number and
    corners xmin, ymin, xmax, ymax, multiplied by spatial_scale. Output: (R, output_dim, pooled_size, pooled_size); the
    cell (i, j) averages the channels of group (i * G // pooled_size, j * G // pooled_size). Source: arXiv:1605.06409;
    MXNet 1.9.1.
    """

    def infer_shape(ins, outs, p):
        rois = shapes.unify(ins[1], (-1 if outs[0] is None else outs[0][0], 5))
        group = p.group_size or p.pooled_size
        data = shapes.unify(ins[0], (-1, p.output_dim * group * group, -1, -1))
        return [data, rois], [shapes.unify(outs[0], (rois[0], p.output_dim, p.pooled_size, p.pooled_size))]

    def forward(xp, data, rois, *, spatial_scale: float, output_dim: int, pooled_size: int, group_size: int = 0):
        group = group_size or pooled_size
        _check(data, rois, output_dim, pooled_size, group)
        wide = widen(xp, data)
        regions = rois.astype(wide.dtype, copy=False)
        cells = _groups_of_cells(pooled_size, group)
        own = wide.reshape(len(data), output_dim, group, group, *data.shape[2:])[:, :, cells[:, None], cells]
        weights = _weights(xp, regions, *data.shape[2:], pooled_size, spatial_scale)
        return pool_own_channels(xp, own, images_of(xp, regions, len(data)), *weights).astype(data.dtype, copy=False)

    def gradient(F, gy, y, data, rois, **params):
        return F._psroi_pooling_backward(gy, rois, data, **params), None


@operator(
    "_psroi_pooling_backward",
    cases=[Case(gy=(2, 2, case["pooled_size"], case["pooled_size"]), like=(2, 8, 4, 5), **case) for case in _CASES],
)
class PSROIPoolingBackward:
    """The gradient of `_contrib_PSROIPooling` by data: gy spread over the cells. Output: like's shape."""

    infer_shape = shapes.like_input(2)

    def forward(xp, gy, rois, like, *, spatial_scale: float, output_dim: int, pooled_size: int, group_size: int = 0):
        group = group_size or pooled_size
        _check(like, rois, output_dim, pooled_size, group)
        require_shape("gy", gy, (len(rois), output_dim, pooled_size, pooled_size))
        wide = widen(xp, gy)
        regions = rois.astype(wide.dtype, copy=False)
        weights = _weights(xp, regions, *like.shape[2:], pooled_size, spatial_scale)
        own = xp.zeros((len(like), output_dim, pooled_size, pooled_size, *like.shape[2:]), wide.dtype)
        spread_own_channels(xp, wide, images_of(xp, regions, len(like)), *weights, own)
        cells = _groups_of_cells(pooled_size, group)
        result = xp.zeros((len(like), output_dim, group, group, *like.shape[2:]), wide.dtype)
        xp.add.at(result, (slice(None), slice(None), cells[:, None], cells), own)
        return result.reshape(like.shape).astype(gy.dtype, copy=False)

    def gradient(F, ggx, y, gy, rois, like, **params):
        return F._contrib_PSROIPooling(ggx, rois, **params), None, None
