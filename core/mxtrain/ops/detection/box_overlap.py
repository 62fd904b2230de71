"""`_contrib_box_iou`, and `_contrib_bipartite_matching` of what it gives."""

import math
from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.detection.boxes import overlap_all, to_corners
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.operator import ZERO_GRADIENT, Case, operator


@operator(
    "_contrib_box_iou",
    cases=[Case(lhs=(2, 4), rhs=(3, 4)), Case(lhs=(2, 3, 4), rhs=(4,), format="center", low=0.1)],
)
class BoxIou:
    """Intersection over union of each box of lhs with each of rhs.

    lhs: (..., 4), rhs: (..., 4), one floating dtype; format: corners (xmin, ymin, xmax, ymax) or centers
    (x, y, width, height). Output: (axes of lhs but the last, axes of rhs but the last). No gradient flows.
    """

    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        lhs, rhs = ins
        if lhs is None or rhs is None:
            return ins, outs
        ins = [shapes.unify(shape, (*shape[:-1], 4)) for shape in (lhs, rhs)]
        return ins, [shapes.unify((*lhs[:-1], *rhs[:-1]), outs[0])]

    def forward(xp, lhs, rhs, *, format: Literal["corner", "center"] = "corner"):
        types.require_floating(lhs.dtype)
        types.unify(lhs.dtype, rhs.dtype)
        for boxes in (lhs, rhs):
            if boxes.shape[-1:] != (4,):
                raise ArgumentError(f"Expected: boxes of shape (..., 4). Received: {boxes.shape}.")
        first = to_corners(xp, widen(xp, lhs), format).reshape(-1, 4)
        second = to_corners(xp, widen(xp, rhs), format).reshape(-1, 4)
        return overlap_all(xp, first, second).reshape(*lhs.shape[:-1], *rhs.shape[:-1]).astype(lhs.dtype, copy=False)


@operator(
    "_contrib_bipartite_matching",
    cases=[
        Case(data=(3, 2), threshold=0.1, low=0.0),
        Case(data=(2, 2, 3), threshold=0.9, is_ascend=True, topk=1, low=0.0),
    ],
)
class BipartiteMatching:
    """Greedy matching of rows with columns: the best pair first, then the best of what is left.

    data: (..., N, M), scores, floating. A pair matches if its score is above threshold (below it with is_ascend,
    where the lowest is best). At most topk + 1 pairs, as in MXNet 1.9.1 (-1: no limit). Outputs, data's dtype:
    (..., N), the column of each row, and (..., M), the row of each column; -1 where there is none. No gradient flows.
    Source: MXNet 1.9.1.
    """

    outputs = ("rows", "columns")
    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        lead, (rows, columns) = ins[0][:-2], ins[0][-2:]
        return ins, [shapes.unify((*lead, rows), outs[0]), shapes.unify((*lead, columns), outs[1])]

    def forward(xp, data, *, is_ascend: bool = False, threshold: float, topk: int = -1):
        types.require_floating(data.dtype)
        if data.ndim < 2:
            raise ArgumentError(f"Expected: data of shape (..., rows, columns). Received: {data.shape}.")
        num_rows, num_columns = data.shape[-2:]
        batches = math.prod(data.shape[:-2])
        scores = widen(xp, data).reshape(batches, num_rows, num_columns)
        scores = -scores if is_ascend else scores.copy()
        limit = -threshold if is_ascend else threshold
        batch = xp.arange(len(scores))
        rows = xp.full((len(scores), num_rows), -1, np.int64)
        columns = xp.full((len(scores), num_columns), -1, np.int64)
        steps = min(num_rows, num_columns) if topk <= 0 else min(num_rows, num_columns, topk + 1)
        for _ in range(steps if batches else 0):
            best = scores.reshape(batches, -1).argmax(axis=1)
            row, column = best // num_columns, best % num_columns
            good = scores[batch, row, column] > limit
            if not good.any():
                break
            sample, row, column = batch[good], row[good], column[good]
            rows[sample, row] = column
            columns[sample, column] = row
            scores[sample, row, :] = -np.inf
            scores[sample, :, column] = -np.inf
        lead = data.shape[:-2]
        return (
            rows.reshape(*lead, num_rows).astype(data.dtype),
            columns.reshape(*lead, num_columns).astype(data.dtype),
        )
