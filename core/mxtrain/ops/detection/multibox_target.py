"""`_contrib_MultiBoxTarget`: what anchor boxes should predict, given the boxes that are there."""

import math

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.detection.box_coding import offsets_between
from mxtrain.ops.detection.boxes import overlap, to_centers
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.nn.partial_shapes import sizes_product
from mxtrain.ops.operator import ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import Floats

_LEAST_OVERLAP = 1e-6  # of a true box and the anchor that is best for it


def _match(xp, overlaps, threshold):
    """The true box of each anchor, -1 for none. overlaps: (B, N, M), -1 where a label is padding.

    First each true box gets the anchor that overlaps it most, the best pair first; then each anchor left gets the
    true box it overlaps most, if by more than threshold.
    """
    batch, num_anchors, num_labels = overlaps.shape
    matches = xp.full((batch, num_anchors), -1, np.int64)
    left, samples = overlaps.copy(), xp.arange(batch)
    for _ in range(min(num_anchors, num_labels)):
        best = left.reshape(batch, -1).argmax(axis=1)
        anchor, label = best // num_labels, best % num_labels
        good = left[samples, anchor, label] > _LEAST_OVERLAP
        sample, anchor, label = samples[good], anchor[good], label[good]
        matches[sample, anchor] = label
        left[sample, anchor, :] = -1
        left[sample, :, label] = -1
    if threshold > 0:
        nearest = overlaps.argmax(axis=2)
        close = overlaps.max(axis=2) > threshold
        matches = xp.where((matches < 0) & close, nearest, matches)
    return matches


def _hard_negatives(xp, cls_pred, largest, positive, ratio, threshold):
    """Which anchors stand for the background: those that look least like it, at most a share of the positive ones.

    cls_pred: (B, C, N), scores before softmax. largest: (B, N), the largest overlap. positive: (B, N), bool.
    """
    num_positive = positive.sum(axis=1)
    wanted = xp.minimum((num_positive * ratio).astype(np.int64), positive.shape[1] - num_positive)
    shifted = xp.exp(cls_pred - cls_pred.max(axis=1, keepdims=True))
    background = shifted[:, 0] / shifted.sum(axis=1)
    candidate = ~positive & (largest < threshold)
    order = xp.argsort(xp.where(candidate, background, np.inf), axis=1, kind="stable")
    rank = xp.argsort(order, axis=1, kind="stable")
    return candidate & (rank < wanted[:, None])


def _check(anchor, label, cls_pred, variances):
    types.require_floating(anchor.dtype)
    if anchor.ndim != 3 or anchor.shape[::2] != (1, 4):
        raise ArgumentError(f"Expected: anchor of shape (1, N, 4). Received: {anchor.shape}.")
    if label.ndim != 3 or label.shape[2] < 5:
        raise ArgumentError(f"Expected: label of shape (B, M, >= 5). Received: {label.shape}.")
    if cls_pred.ndim != 3 or cls_pred.shape[::2] != (label.shape[0], anchor.shape[1]):
        expected = (label.shape[0], "C", anchor.shape[1])
        raise ArgumentError(f"Expected: cls_pred of shape {expected}. Received: {cls_pred.shape}.")
    if len(variances) != 4:
        raise ArgumentError(f"Expected: 4 variances. Received: {variances}.")


@operator(
    "_contrib_MultiBoxTarget",
    cases=[
        Case(
            anchor=np.array([[[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.1, 0.1, 0.4, 0.6]]]),
            label=np.array([[[1.0, 0.1, 0.1, 0.5, 0.6]], [[-1.0, -1.0, -1.0, -1.0, -1.0]]]),
            cls_pred=(2, 3, 3),
            negative_mining_ratio=ratio,
        )
        for ratio in (-1, 2)
    ],
)
class MultiBoxTarget:
    """Training targets of a single-shot detector.

    anchor: (1, N, 4), corners. label: (B, M, >= 5), rows of class and corners, padded at the end by rows of class -1.
    cls_pred: (B, C, N), scores of the classes, background first. Outputs: the offsets that each anchor should predict,
    (B, 4 N), divided by variances; their mask, (B, 4 N); the class of each anchor, (B, N), 0 is background. An anchor
    is positive if it is the best one for some true box or overlaps one by more than overlap_threshold. With
    negative_mining_ratio > 0, only that many times as many others, with overlaps below negative_mining_thresh, are
    background, and the rest gets ignore_label. minimum_negative_samples is accepted and, as in MXNet 1.9.1, has no
    effect. Source: MXNet 1.9.1.
    """

    outputs = ("loc_target", "loc_mask", "cls_target")
    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        anchor, label, cls_pred = ins
        batch = -1 if label is None else label[0]
        batch = cls_pred[0] if batch == -1 and cls_pred is not None else batch
        count = -1 if anchor is None else anchor[1]
        count = cls_pred[2] if count == -1 and cls_pred is not None else count
        flat = (batch, sizes_product((count, 4)))
        found = [shapes.unify(outs[0], flat), shapes.unify(outs[1], flat), shapes.unify(outs[2], (batch, count))]
        return [shapes.unify(anchor, (1, count, 4)), label, cls_pred], found

    def forward(
        xp,
        anchor,
        label,
        cls_pred,
        *,
        overlap_threshold: float = 0.5,
        ignore_label: float = -1.0,
        negative_mining_ratio: float = -1.0,
        negative_mining_thresh: float = 0.5,
        minimum_negative_samples: int = 0,
        variances: Floats = (0.1, 0.1, 0.2, 0.2),
    ):
        _check(anchor, label, cls_pred, variances)
        boxes, truth = widen(xp, anchor), widen(xp, label)
        real = xp.cumsum(truth[..., 0] == -1, axis=1) == 0
        overlaps = overlap(xp, boxes[:, :, None], truth[:, None, :, 1:5])
        overlaps = xp.where(real[:, None], overlaps, -1)
        if label.shape[1]:
            matches, largest = _match(xp, overlaps, overlap_threshold), overlaps.max(axis=2)
        else:
            matches = xp.full(overlaps.shape[:2], -1, np.int64)
            largest = matches.astype(boxes.dtype)
        positive = matches >= 0
        negative = ~positive
        if negative_mining_ratio > 0:
            scores = widen(xp, cls_pred)
            negative = _hard_negatives(xp, scores, largest, positive, negative_mining_ratio, negative_mining_thresh)
        rows = _rows_of(xp, truth, matches)
        classes = xp.where(positive, rows[..., 0] + 1, xp.where(negative, 0, ignore_label))
        matched = xp.where(positive[..., None], rows[..., 1:5], boxes)
        offsets = offsets_between(xp, to_centers(xp, boxes, "corner"), to_centers(xp, matched, "corner"))
        offsets /= xp.asarray(variances, dtype=boxes.dtype)
        masks = xp.broadcast_to(positive[..., None], offsets.shape)
        # samples without any true box take no part
        classes = xp.where(real.any(axis=1)[:, None], classes, ignore_label)
        flat = (len(label), math.prod(offsets.shape[1:]))
        return tuple(x.astype(anchor.dtype) for x in (offsets.reshape(flat), masks.reshape(flat), classes))


def _rows_of(xp, truth, matches):
    """The label of each anchor, (B, N, 5); any one for anchors without a match."""
    if not truth.shape[1]:
        return xp.ones((*matches.shape, 5), truth.dtype)
    return xp.take_along_axis(truth[..., :5], xp.maximum(matches, 0)[..., None], axis=1)
