"""`ROIPooling`: the largest value in each cell of regions of interest."""

import numpy as np

from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.vision.psroi_pooling import round_half_away
from mxtrain.ops.vision.regions import images_of
from mxtrain.ops.vision.roi_align import check_regions


def _cell_bounds(xp, first, last, cells, size):
    """First place and end of each cell of each region along one axis, (R, cells) each."""
    length = xp.maximum(last - first + 1, 1)
    cell = (length / cells)[:, None]
    steps = xp.arange(cells).astype(cell.dtype)
    begin = xp.floor(steps * cell) + first[:, None]
    end = xp.ceil((steps + 1) * cell) + first[:, None]
    return begin.clip(0, size).astype(np.int64), end.clip(0, size).astype(np.int64)


def _largest(xp, table, images, y, x, width, area):
    """The largest rows among the places of each cell, and which they are.

    table: (N * area, C), channels last. y, x: first places and ends of the cells, (cells,) each. The k-th places of all
    cells that have so many are compared at once. Returns values and places, (cells, C); 0 and -1 for empty cells.
    """
    heights, widths = xp.maximum(y[1] - y[0], 0), xp.maximum(x[1] - x[0], 0)
    best = xp.full((len(images), table.shape[1]), -np.inf, table.dtype)
    places = xp.full(best.shape, -1, np.int32)
    for k in range(int((heights * widths).max()) if len(images) else 0):
        cells = xp.nonzero(heights * widths > k)[0]
        down, right = k // widths[cells], k % widths[cells]
        place = (y[0][cells] + down) * width + x[0][cells] + right
        values = table[images[cells] * area + place]
        # written so that NaN wins, as with a maximum
        better = ~(values <= best[cells])
        best[cells] = xp.where(better, values, best[cells])
        places[cells] = xp.where(better, place[:, None], places[cells])
    best[(heights * widths == 0)] = 0
    return best, places


_ROIS = np.array([[0.0, 0.5, 0.3, 4.1, 3.7], [1.0, 1.2, 0.0, 9.0, 2.5], [-1.0, 0.0, 0.0, 2.0, 2.0]])


@operator("ROIPooling", cases=[Case(data=(2, 2, 4, 5), rois=_ROIS, pooled_size=(2, 3), spatial_scale=0.8)])
class ROIPooling:
    """Regions of feature maps brought to one size: the largest value of each cell.

    data: (N, C, H, W), floating. rois: (R, 5), image number (negative: the output is 0) and corners xmin, ymin, xmax,
    ymax, multiplied by spatial_scale and rounded; both corners belong to the region. Output: (R, C, h, w),
    pooled_size = (h, w), 0 for cells outside the image; a hidden second one, int32, holds y * W + x of each value, -1
    for none. Source: arXiv:1504.08083; MXNet 1.9.1.
    """

    outputs = ("output", "places")
    visible = 1

    def infer_shape(ins, outs, p):
        data, rois = ins
        rois = shapes.unify(rois, (-1 if outs[0] is None else outs[0][0], 5))
        result = shapes.unify(outs[0], (rois[0], -1 if data is None else data[1], *p.pooled_size))
        return [data, rois], [result, result]

    def infer_type(ins, outs, p):
        dtype = types.unify_all([*ins, outs[0]])
        return [dtype, dtype], [dtype, np.dtype(np.int32)]

    def forward(xp, data, rois, *, pooled_size: Shape, spatial_scale: float):
        check_regions(data, rois, 5, pooled_size)
        count, channels, height, width = data.shape
        wide = widen(xp, data)
        images = xp.asarray(images_of(xp, rois, count))
        corners = round_half_away(xp, rois[:, 1:].astype(wide.dtype) * wide.dtype.type(spatial_scale))
        y = _cell_bounds(xp, corners[:, 1], corners[:, 3], pooled_size[0], height)
        x = _cell_bounds(xp, corners[:, 0], corners[:, 2], pooled_size[1], width)
        # regions of no image are empty
        y = (y[0], xp.where(images[:, None] < 0, 0, y[1]))
        grid = (len(rois), *pooled_size)
        spread = [xp.broadcast_to(bound[:, :, None], grid).reshape(-1) for bound in y]
        across = [xp.broadcast_to(bound[:, None, :], grid).reshape(-1) for bound in x]
        by_cell = xp.broadcast_to(images[:, None, None], grid).reshape(-1)
        table = wide.transpose(0, 2, 3, 1).reshape(-1, channels)
        best, places = _largest(xp, table, by_cell, spread, across, width, height * width)
        result, places = (array.reshape(*grid, channels).transpose(0, 3, 1, 2) for array in (best, places))
        return result.astype(data.dtype, copy=False), places

    def gradient(F, gy, y, data, rois, **params):
        return F._roi_pooling_backward(gy[0], y[1], rois, data), None


@operator(
    "_roi_pooling_backward",
    cases=[
        Case(
            gy=(2, 1, 1, 2),
            places=np.array([[[[3, 3]]], [[[5, -1]]]]),
            rois=np.array([[0.0, 0, 0, 0, 0], [1.0, 0, 0, 0, 0]]),
            like=(2, 1, 2, 3),
        )
    ],
)
class ROIPoolingBackward:
    """The gradient of `ROIPooling` by data: gy added at the places of the largest values. Output: like's shape."""

    infer_type = types.like_input(0)

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[3], outs[0])
        cells = shapes.unify(ins[0], ins[1])
        return [cells, cells, ins[2], like], [like]

    def forward(xp, gy, places, rois, like):
        wide = widen(xp, gy)
        area = like.shape[2] * like.shape[3]
        result = xp.zeros(like.shape[0] * like.shape[1] * area, wide.dtype)
        planes = rois[:, 0].astype(np.int64)[:, None] * like.shape[1] + xp.arange(like.shape[1])
        positions = planes[:, :, None, None] * area + places
        found = places >= 0
        xp.add.at(result, positions[found], wide[found])
        return result.reshape(like.shape).astype(gy.dtype, copy=False)

    def gradient(F, ggx, y, gy, places, rois, like):
        return F._roi_pooling_gather(ggx, places, rois), None, None, None


@operator(
    "_roi_pooling_gather",
    cases=[
        Case(
            data=(2, 1, 2, 3),
            places=np.array([[[[3, 3]]], [[[5, -1]]]]),
            rois=np.array([[0.0, 0, 0, 0, 0], [1.0, 0, 0, 0, 0]]),
        )
    ],
)
class ROIPoolingGather:
    """The values of data at the places of a region's cells, 0 where the place is -1. Output: the shape of places."""

    infer_type = types.like_input(0)

    def infer_shape(ins, outs, p):
        places = shapes.unify(ins[1], outs[0])
        return [ins[0], places, ins[2]], [places]

    def forward(xp, data, places, rois):
        images = xp.maximum(rois[:, 0].astype(np.int64), 0)[:, None, None, None]
        planes = xp.arange(data.shape[1])[:, None, None]
        values = data.reshape(*data.shape[:2], -1)[images, planes, xp.maximum(places, 0)]
        return values * (places >= 0).astype(data.dtype)

    def gradient(F, ggx, y, data, places, rois):
        return F._roi_pooling_backward(ggx, places, rois, data), None, None
