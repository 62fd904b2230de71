"""`_contrib_box_nms`: greedy non-maximum suppression of boxes in batches."""

import math
from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.detection.boxes import keep_best, to_centers, to_corners, to_host
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.operator import Case, operator

Format = Literal["corner", "center"]


def _require_columns(width, coord_start, score_index, id_index):
    columns = {"coord_start": coord_start, "coord_start + 3": coord_start + 3, "score_index": score_index}
    if id_index >= 0:
        columns["id_index"] = id_index
    for name, column in columns.items():
        if not 0 <= column < width:
            raise ArgumentError(f"Expected: {name} in [0, {width}), a column of data. Received: {column}.")


def _survivors(rows, boxes, p):
    """Positions of the rows of one sample that stay, best first (all, in their order, where topk is 0)."""
    if p["topk"] == 0:
        return np.arange(len(rows))
    scores = rows[:, p["score_index"]]
    valid = scores > p["valid_thresh"]
    if p["id_index"] >= 0:
        valid &= rows[:, p["id_index"]] != p["background_id"]
    places = np.flatnonzero(valid)
    order = places[np.argsort(-scores[places], kind="stable")]
    if p["topk"] > 0:
        order = order[: p["topk"]]
    apart = p["id_index"] >= 0 and not p["force_suppress"]
    classes = rows[order, p["id_index"]] if apart else None
    return order[keep_best(boxes[order], p["overlap_thresh"], classes=classes)]


@operator(
    "_contrib_box_nms",
    "_contrib_box_non_maximum_suppression",
    cases=[
        Case(
            data=np.array(
                [
                    [0, 0.5, 0.1, 0.1, 0.2, 0.2],
                    [1, 0.4, 0.1, 0.1, 0.2, 0.2],
                    [0, 0.3, 0.1, 0.1, 0.14, 0.14],
                    [2, 0.6, 0.5, 0.5, 0.7, 0.8],
                ]
            ),
            overlap_thresh=0.1,
            force_suppress=True,
        ),
        Case(data=(2, 4, 6), id_index=0, in_format="center", out_format="corner", differentiable=False),
        Case(data=(2, 5, 6), low=0.1, topk=2),
    ],
)
class BoxNms:
    """Non-maximum suppression: of boxes that overlap by more than overlap_thresh only the one of the best score stays.

    data: (..., N, K), floating, N boxes of K values each: the 4 coordinates from coord_start on, the score at
    score_index, the class at id_index (-1: none). Boxes with a score of at most valid_thresh or of class background_id
    go at once, and so do all but the topk best (-1: no limit; 0:
    nothing is suppressed at all). Boxes of unlike classes do not suppress each other
    unless force_suppress. Output: data's shape and dtype, the boxes that stay in the order of their scores, then rows
    of -1. A hidden second output, (..., N), int32, tells where each of them was. Source: MXNet 1.9.1.
    """

    outputs = ("output", "origin")
    visible = 1

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        return [data], [data, None if data is None else data[:-1]]

    def infer_type(ins, outs, p):
        data = types.unify(ins[0], outs[0])
        return [data], [data, np.dtype(np.int32)]

    def forward(
        xp,
        data,
        *,
        overlap_thresh: float = 0.5,
        valid_thresh: float = 0.0,
        topk: int = -1,
        coord_start: int = 2,
        score_index: int = 1,
        id_index: int = -1,
        background_id: int = -1,
        force_suppress: bool = False,
        in_format: Format = "corner",
        out_format: Format = "corner",
    ):
        types.require_floating(data.dtype)
        if data.ndim < 2:
            raise ArgumentError(f"Expected: data of shape (..., boxes, values). Received: {data.shape}.")
        _require_columns(data.shape[-1], coord_start, score_index, id_index)
        p = {
            "overlap_thresh": overlap_thresh,
            "valid_thresh": valid_thresh,
            "topk": topk,
            "score_index": score_index,
            "id_index": id_index,
            "background_id": background_id,
            "force_suppress": force_suppress,
        }
        rows = widen(np, to_host(xp, data)).reshape(math.prod(data.shape[:-2]), *data.shape[-2:])
        places = slice(coord_start, coord_start + 4)
        corners = to_corners(np, rows[..., places], in_format)
        result = np.full(rows.shape, -1, rows.dtype)
        origin = np.full(rows.shape[:2], -1, np.int32)
        for sample, boxes in enumerate(corners):
            kept = _survivors(rows[sample], boxes, p)
            result[sample, : len(kept)] = rows[sample, kept]
            if in_format != out_format:
                convert = to_centers if out_format == "center" else to_corners
                result[sample, : len(kept), places] = convert(np, rows[sample, kept, places], in_format)
            origin[sample, : len(kept)] = kept
        result = xp.asarray(result.reshape(data.shape)).astype(data.dtype, copy=False)
        return result, xp.asarray(origin.reshape(data.shape[:-1]))

    def gradient(F, gy, y, data, **params):
        return F._box_nms_backward(gy[0], y[1])


@operator("_box_nms_backward", cases=[Case(gy=(4, 3), origin=np.array([3, 0, -1, -1]))])
class BoxNmsBackward:
    """The gradient of `_contrib_box_nms` by data: each row of gy at its box's origin, 0 where the box went.

    gy: (..., N, K). origin: (..., N), integers. Output: shape and dtype of gy.
    """

    infer_type = types.like_input(0)

    def infer_shape(ins, outs, p):
        gy = shapes.unify(ins[0], outs[0])
        return [gy, shapes.unify(ins[1], None if gy is None else gy[:-1])], [gy]

    def forward(xp, gy, origin):
        result = xp.zeros_like(gy)
        by_sample = result.reshape(-1, *gy.shape[-2:])
        sample, place = xp.nonzero(origin.reshape(len(by_sample), -1) >= 0)
        by_sample[sample, origin.reshape(len(by_sample), -1)[sample, place]] = gy.reshape(by_sample.shape)[
            sample, place
        ]
        return result

    def gradient(F, ggx, y, gy, origin):
        return F._box_nms_gather(ggx, origin), None


@operator("_box_nms_gather", cases=[Case(data=(4, 3), origin=np.array([3, 0, -1, -1]))])
class BoxNmsGather:
    """Rows of data at their origins, and 0 where the origin is -1: the gradient of `_box_nms_backward`.

    data: (..., N, K). origin: (..., N), integers. Output: shape and dtype of data.
    """

    infer_type = types.like_input(0)
    infer_shape = BoxNmsBackward.infer_shape

    def forward(xp, data, origin):
        rows = xp.take_along_axis(data, xp.maximum(origin, 0)[..., None].astype(np.int64), axis=-2)
        return rows * (origin >= 0)[..., None].astype(data.dtype)

    def gradient(F, ggx, y, data, origin):
        return F._box_nms_backward(ggx, origin), None
