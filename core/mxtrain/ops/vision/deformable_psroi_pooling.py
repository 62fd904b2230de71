"""`_contrib_DeformablePSROIPooling`: position-sensitive averages over cells that an input moves."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.checks import require_one_dtype, require_shape
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Params
from mxtrain.ops.vision.points import clipped_corners_of, slopes_at, spread_values, values_at
from mxtrain.ops.vision.psroi_pooling import round_half_away
from mxtrain.ops.vision.regions import images_of
from mxtrain.ops.vision.roi_align import check_regions


def _check(data, rois, trans, p):
    """Raise ArgumentError unless the inputs fit each other; the number of classes with offsets of their own."""
    check_regions(data, rois, 5, (p.pooled_size, p.pooled_size))
    if min(p.group_size, p.output_dim, p.sample_per_part) < 1 or data.shape[1] != p.output_dim * p.group_size**2:
        raise ArgumentError(
            f"Expected: data with output_dim * group_size^2 channels, all parameters positive. Received: "
            f"data.shape={data.shape}, output_dim={p.output_dim}, group_size={p.group_size}."
        )
    if trans is None:
        return 1
    require_one_dtype(data, trans)
    part = p.part_size or p.pooled_size
    classes = trans.shape[1] // 2 if trans.ndim == 4 else 0
    if classes < 1 or p.output_dim % classes:
        raise ArgumentError(f"Expected: trans of (R, 2 * a divisor of output_dim, h, w). Received: {trans.shape}.")
    require_shape("trans", trans, (len(rois), 2 * classes, part, part))
    return classes


def _moves(xp, trans, p):
    """How far the cells move along x and y, (R, classes, cells, cells), in sizes of the region; and their parts."""
    part = p.part_size or p.pooled_size
    parts = xp.arange(p.pooled_size) * part // p.pooled_size
    if trans is None:
        return 0, 0, parts
    chosen = trans[:, :, parts[:, None], parts] * trans.dtype.type(p.trans_std)
    return chosen[:, ::2], chosen[:, 1::2], parts


def _axis_points(xp, start, extent, p):
    """Where the points of each cell lie along one axis before they move, (R, cells, points)."""
    cell = extent / p.pooled_size
    steps = xp.arange(p.sample_per_part).astype(cell.dtype) * (cell / p.sample_per_part)[:, None]
    places = xp.arange(p.pooled_size).astype(cell.dtype) * cell[:, None] + start[:, None]
    return places[:, :, None] + steps[:, None, :]


class _Points:
    """The points of a call, in the order (region, class, cell row, cell column, point row, point column)."""

    def __init__(self, xp, shape, rois, trans, classes, p):
        height, width = shape[2:]
        scale = rois.dtype.type(p.spatial_scale)
        images = xp.asarray(images_of(xp, rois, shape[0]))
        start = round_half_away(xp, rois[:, 1:3]) * scale - rois.dtype.type(0.5)
        end = (round_half_away(xp, rois[:, 3:]) + 1) * scale - rois.dtype.type(0.5)
        self.extent = xp.maximum(end - start, rois.dtype.type(0.1))
        move_x, move_y, self.parts = _moves(xp, trans, p)
        y = self._placed(xp, start[:, 1], self.extent[:, 1], move_y, p)[..., :, None]
        x = self._placed(xp, start[:, 0], self.extent[:, 0], move_x, p, across=True)[..., None, :]
        self.shape = (len(rois), classes, p.pooled_size, p.pooled_size, p.sample_per_part, p.sample_per_part)
        y, x = xp.broadcast_to(y, self.shape), xp.broadcast_to(x, self.shape)
        inside = (y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5)
        inside &= (images >= 0).reshape(-1, 1, 1, 1, 1, 1)
        share = inside / xp.maximum(inside.sum(axis=(4, 5), keepdims=True), 1).astype(rois.dtype)
        groups = xp.minimum(xp.arange(p.pooled_size) * p.group_size // p.pooled_size, p.group_size - 1)
        planes = (xp.maximum(images, 0)[:, None] * classes + xp.arange(classes))[:, :, None, None]
        planes = (planes * p.group_size + groups[:, None]) * p.group_size + groups
        first = xp.broadcast_to((planes * (height * width))[..., None, None], self.shape).reshape(-1)
        self.corners = clipped_corners_of(xp, y.reshape(-1), x.reshape(-1), height, width, first, share.reshape(-1))

    @staticmethod
    def _placed(xp, start, extent, move, p, across=False):
        """Coordinates (R, classes or 1, cells, cells, points) along one axis."""
        points = _axis_points(xp, start, extent, p)
        points = points[:, None, None, :, :] if across else points[:, None, :, None, :]
        if isinstance(move, int):
            return points
        return points + (move * extent[:, None, None, None])[..., None]


def _table(data, classes, group):
    """Channels of a class last: the rows (N, class, group row, group column, y, x) of data."""
    count, channels, height, width = data.shape
    each = channels // (classes * group * group)
    by_class = data.reshape(count, classes, each, group, group, height, width)
    return by_class.transpose(0, 1, 3, 4, 5, 6, 2).reshape(-1, each)


def _untabled(table, shape, classes, group):
    """The opposite of _table, in data's shape."""
    by_class = table.reshape(shape[0], classes, group, group, *shape[2:], -1)
    return by_class.transpose(0, 1, 6, 2, 3, 4, 5).reshape(shape)


_ROIS = np.array([[0.0, 0.5, 0.3, 3.1, 2.7], [1.0, 1.2, 0.0, 3.0, 2.5]])
_FORM = {"rois": _ROIS, "spatial_scale": 0.9, "output_dim": 2, "group_size": 2, "pooled_size": 2, "sample_per_part": 2}
_MOVED = {"trans": (2, 4, 2, 2), "part_size": 2, "trans_std": 0.1}


@operator(
    "_contrib_DeformablePSROIPooling",
    cases=[
        Case(data=(2, 8, 4, 5), no_trans=True, **_FORM),
        Case(data=(2, 8, 4, 5), **_MOVED, **_FORM),
    ],
)
class DeformablePSROIPooling:
    """Position-sensitive averages over the cells of regions of interest, each moved by what `trans` says.

    data: (N, output_dim * group_size^2, H, W), floating. rois: (R, 5), image number (negative: the output is 0) and
    corners, multiplied by spatial_scale. trans, absent with no_trans: (R, 2 * classes, part_size, part_size), x and y
    for each class of channels, in units of trans_std times the region's size; part_size 0: pooled_size. A cell averages
    sample_per_part^2 points, interpolated bilinearly, those inside the image. Outputs: (R, output_dim, pooled_size,
    pooled_size); a hidden second one, in the same shape, counts the points. Source: arXiv:1703.06211; MXNet 1.9.1.
    """

    outputs = ("output", "top_count")
    visible = 1

    def inputs(p):
        return ("data", "rois") if p.no_trans else ("data", "rois", "trans")

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], (-1, p.output_dim * p.group_size**2, -1, -1))
        rois = shapes.unify(ins[1], (-1 if outs[0] is None else outs[0][0], 5))
        result = shapes.unify_all([*outs, (rois[0], p.output_dim, p.pooled_size, p.pooled_size)])
        part = p.part_size or p.pooled_size
        trans = [] if p.no_trans else [shapes.unify(ins[2], (rois[0], -1, part, part))]
        return [data, rois, *trans], [result, result]

    def forward(
        xp,
        data,
        rois,
        trans=None,
        *,
        spatial_scale: float,
        output_dim: int,
        group_size: int,
        pooled_size: int,
        part_size: int = 0,
        sample_per_part: int = 1,
        trans_std: float = 0.0,
        no_trans: bool = False,
    ):
        p = Params(
            spatial_scale=spatial_scale,
            output_dim=output_dim,
            group_size=group_size,
            pooled_size=pooled_size,
            part_size=part_size,
            sample_per_part=sample_per_part,
            trans_std=trans_std,
        )
        classes = _check(data, rois, trans, p)
        wide = widen(xp, data)
        moved = None if trans is None else widen(xp, trans)
        points = _Points(xp, data.shape, rois.astype(wide.dtype, copy=False), moved, classes, p)
        values = values_at(_table(wide, classes, group_size), points.corners).reshape(*points.shape, -1)
        result = values.sum(axis=(4, 5)).transpose(0, 1, 4, 2, 3).reshape(len(rois), output_dim, *points.shape[2:4])
        used = sum(corner.weight for corner in points.corners).reshape(points.shape) > 0
        counts = xp.repeat(used.sum(axis=(4, 5)), output_dim // classes, axis=1)
        return result.astype(data.dtype, copy=False), counts.astype(data.dtype)

    differentiable_once = "interpolation bends at the borders of pixels, and MXNet has no second derivative of it"

    def gradient(F, gy, y, data, rois, trans=None, *, no_trans, **params):
        if no_trans:
            by_data = F._deformable_psroi_pooling_backward(gy[0], data, rois, no_trans=True, **params)
            return (by_data[0] if isinstance(by_data, (list, tuple)) else by_data), None
        by_data, by_trans = F._deformable_psroi_pooling_backward(gy[0], data, rois, trans, no_trans=False, **params)
        return by_data, None, by_trans


@operator(
    "_deformable_psroi_pooling_backward",
    cases=[
        Case(gy=(2, 2, 2, 2), data=(2, 8, 4, 5), no_trans=True, **_FORM),
        Case(gy=(2, 2, 2, 2), data=(2, 8, 4, 5), **_MOVED, **_FORM),
    ],
)
class DeformablePSROIPoolingBackward:
    """The gradients of `_contrib_DeformablePSROIPooling` by data and (unless no_trans) trans, in their shapes."""

    gradient = NOT_DIFFERENTIABLE

    def inputs(p):
        return ("gy", "data", "rois") if p.no_trans else ("gy", "data", "rois", "trans")

    def outputs(p):
        return ("data",) if p.no_trans else ("data", "trans")

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[1], outs[0])
        trans = [] if p.no_trans else [shapes.unify(ins[3], outs[1])]
        return [ins[0], data, ins[2], *trans], [data, *trans]

    def forward(
        xp,
        gy,
        data,
        rois,
        trans=None,
        *,
        spatial_scale: float,
        output_dim: int,
        group_size: int,
        pooled_size: int,
        part_size: int = 0,
        sample_per_part: int = 1,
        trans_std: float = 0.0,
        no_trans: bool = False,
    ):
        p = Params(
            spatial_scale=spatial_scale,
            output_dim=output_dim,
            group_size=group_size,
            pooled_size=pooled_size,
            part_size=part_size,
            sample_per_part=sample_per_part,
            trans_std=trans_std,
        )
        classes = _check(data, rois, trans, p)
        require_shape("gy", gy, (len(rois), output_dim, pooled_size, pooled_size))
        wide, moved = widen(xp, gy), None if trans is None else widen(xp, trans)
        points = _Points(xp, data.shape, rois.astype(wide.dtype, copy=False), moved, classes, p)
        cells = wide.reshape(len(rois), classes, -1, *points.shape[2:4]).transpose(0, 1, 3, 4, 2)
        each = cells.shape[-1]
        values = xp.broadcast_to(cells[:, :, :, :, None, None], (*points.shape, each)).reshape(-1, each)
        rows = data.size // each
        by_data = _untabled(spread_values(xp, values, points.corners, rows), data.shape, classes, group_size)
        if no_trans:
            return (by_data.astype(gy.dtype, copy=False),)
        table = _table(widen(xp, data), classes, group_size)
        by_y, by_x = (
            slope.reshape(points.shape).sum(axis=(4, 5)) for slope in slopes_at(xp, table, values, points.corners)
        )
        factor = wide.dtype.type(trans_std) * points.extent
        by_trans = xp.zeros(trans.shape, wide.dtype)
        place = (slice(None), slice(None), points.parts[:, None], points.parts)
        xp.add.at(by_trans[:, ::2], place, by_x * factor[:, 0].reshape(-1, 1, 1, 1))
        xp.add.at(by_trans[:, 1::2], place, by_y * factor[:, 1].reshape(-1, 1, 1, 1))
        return by_data.astype(gy.dtype, copy=False), by_trans.astype(gy.dtype, copy=False)
