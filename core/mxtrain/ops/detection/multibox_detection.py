"""`_contrib_MultiBoxDetection`: the boxes that a single-shot detector's predictions stand for."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.detection.boxes import keep_best, to_centers, to_corners, to_host
from mxtrain.ops.kernels.ordering import first_positions
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.operator import ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import Floats


def _decode(offsets, anchors, variances, clip):
    """Corners of the predicted boxes. offsets: (B, N, 4). anchors: (1, N, 4), corners."""
    base = to_centers(np, anchors, "corner")
    scaled = offsets * np.asarray(variances, offsets.dtype)
    center = scaled[..., :2] * base[..., 2:] + base[..., :2]
    boxes = to_corners(np, np.concatenate([center, np.exp(scaled[..., 2:]) * base[..., 2:]], axis=-1), "center")
    return boxes.clip(0, 1) if clip else boxes


def _check(cls_prob, loc_pred, anchor, variances):
    types.require_floating(cls_prob.dtype)
    if cls_prob.ndim != 3:
        raise ArgumentError(f"Expected: cls_prob of shape (B, classes, N). Received: {cls_prob.shape}.")
    batch, _, count = cls_prob.shape
    if loc_pred.shape != (batch, 4 * count):
        raise ArgumentError(f"Expected: loc_pred of shape {(batch, 4 * count)}. Received: {loc_pred.shape}.")
    if anchor.shape != (1, count, 4):
        raise ArgumentError(f"Expected: anchor of shape {(1, count, 4)}. Received: {anchor.shape}.")
    if len(variances) != 4:
        raise ArgumentError(f"Expected: 4 variances. Received: {variances}.")


@operator(
    "_contrib_MultiBoxDetection",
    cases=[
        Case(
            cls_prob=(2, 3, 4),
            loc_pred=(2, 16),
            anchor=np.array([[[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.1, 0.1, 0.4, 0.6], [0, 0, 0.3, 0.5]]]),
            low=0.0,
            **options,
        )
        for options in ({}, {"nms_threshold": 0.1, "force_suppress": True, "nms_topk": 2, "clip": False})
    ],
)
class MultiBoxDetection:
    """Boxes with class and score, from class probabilities and offsets from anchors, after non-maximum suppression.

    cls_prob: (B, C, N), background first. loc_pred: (B, 4 N), offsets; multiplied by variances. anchor: (1, N, 4),
    corners. Output: (B, N, 6): class without background, score, corners (in [0, 1] with clip), best first; rows
    whose score is below threshold are -1 and stand last. A row that a better one of its class (of any with
    force_suppress) overlaps by at least nms_threshold, or that is not among the nms_topk best (-1: all are), has
    class -1. background_id is accepted and, as in MXNet 1.9.1, has no effect. Source: MXNet 1.9.1.
    """

    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        batch, _, count = ins[0]
        located = shapes.unify(ins[1], (batch, 4 * count if count != -1 else -1))
        return [ins[0], located, shapes.unify(ins[2], (1, count, 4))], [shapes.unify(outs[0], (batch, count, 6))]

    def forward(
        xp,
        cls_prob,
        loc_pred,
        anchor,
        *,
        clip: bool = True,
        threshold: float = 0.01,
        background_id: int = 0,
        nms_threshold: float = 0.5,
        force_suppress: bool = False,
        variances: Floats = (0.1, 0.1, 0.2, 0.2),
        nms_topk: int = -1,
    ):
        _check(cls_prob, loc_pred, anchor, variances)
        scores, offsets, anchors = (widen(np, to_host(xp, array)) for array in (cls_prob, loc_pred, anchor))
        boxes = _decode(offsets.reshape(len(scores), -1, 4), anchors, variances, clip)
        result = np.full((*boxes.shape[:2], 6), -1, boxes.dtype)
        # class by class, an anchor's scores lie apart: argmax is several times as fast where they are neighbours
        best = (
            scores.swapaxes(1, 2)[..., 1:].copy().argmax(axis=2) if scores.shape[1] > 1 else np.zeros(boxes.shape[:2])
        )
        score = scores[:, 1:].max(axis=1) if scores.shape[1] > 1 else np.full(boxes.shape[:2], -1, boxes.dtype)
        for sample in range(len(boxes)):
            places = np.flatnonzero(score[sample] >= threshold)
            rows = result[sample, : len(places)]
            rows[:, 0], rows[:, 1], rows[:, 2:] = best[sample, places], score[sample, places], boxes[sample, places]
            if 0 < nms_threshold <= 1:
                _suppress(rows, nms_threshold, nms_topk, force_suppress)
        return xp.asarray(result.astype(cls_prob.dtype, copy=False))


def _suppress(rows, threshold, topk, force):
    """Sort the rows, best first, and set the class to -1 in those that are not kept.

    As in MXNet, only the topk best are sorted: the rows after them are those that stood there before.
    """
    count = min(topk, len(rows)) if topk > 0 else len(rows)
    order = first_positions(np, rows[:, 1], 0, count, ascending=False)
    considered = rows[: len(order)]
    considered[...] = rows[order]
    classes = None if force else considered[:, 0]
    # at least the threshold suppresses here: the same as more than the float below it
    limit = np.nextafter(considered.dtype.type(threshold), considered.dtype.type(-1))
    kept = keep_best(considered[:, 2:], limit, classes=classes)
    gone = np.ones(len(rows), bool)
    gone[kept] = False
    rows[gone, 0] = -1
