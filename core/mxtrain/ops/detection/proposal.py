"""`_contrib_Proposal` and `_contrib_MultiProposal`: the boxes that a region proposal network proposes."""

import math

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.detection.boxes import keep_best, to_host
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.operator import ZERO_GRADIENT, Case, declare_operator
from mxtrain.ops.parameters import Floats


def base_anchors(stride, ratios, scales):
    """Corners of the anchors around one position, in pixels of the image: per ratio one of each scale, (A, 4)."""
    center = (stride - 1) / 2
    anchors = []
    for ratio in ratios:
        width = math.floor(math.sqrt(math.floor(stride * stride / ratio)) + 0.5)
        height = math.floor(width * ratio + 0.5)
        for scale in scales:
            half = ((width * scale - 1) / 2, (height * scale - 1) / 2)
            anchors.append((center - half[0], center - half[1], center + half[0], center + half[1]))
    return np.asarray(anchors, np.float32)


def _shifted(anchors, height, width, stride):
    """The anchors around every position of the feature map: (H * W * A, 4)."""
    y, x = np.meshgrid(np.arange(height) * stride, np.arange(width) * stride, indexing="ij")
    shifts = np.stack([x, y, x, y], axis=-1).astype(np.float32)
    return (shifts[:, :, None] + anchors).reshape(-1, 4)


def _moved(anchors, offsets, iou_loss):
    """The anchors moved by what the network predicts: corner by corner with iou_loss, else center and size."""
    if iou_loss:
        return anchors + offsets
    size = anchors[:, 2:] - anchors[:, :2] + 1
    center = anchors[:, :2] + 0.5 * (size - 1)
    center = offsets[:, :2] * size + center
    half = 0.5 * (np.exp(offsets[:, 2:]) * size - 1)
    return np.concatenate([center - half, center + half], axis=1)


def _propose(scores, offsets, info, p):
    """The proposals of one sample: boxes (post, 4) and scores (post,). scores: (A, H, W). offsets: (4 A, H, W)."""
    count, height, width = scores.shape
    anchors = _shifted(base_anchors(p.feature_stride, p.ratios, p.scales), height, width, p.feature_stride)
    offsets = offsets.reshape(count, 4, height, width).transpose(2, 3, 0, 1).reshape(-1, 4)
    limits = np.asarray([info[1], info[0], info[1], info[0]], np.float32) - 1
    boxes = np.minimum(np.maximum(_moved(anchors, offsets, p.iou_loss), 0), limits)
    scores = scores.transpose(1, 2, 0).reshape(-1).copy()
    # anchors over the padding of an image that was filled up to the feature map's size
    real = np.zeros((height, width, count), bool)
    real[: int(info[0] / p.feature_stride), : int(info[1] / p.feature_stride)] = True
    scores[~real.reshape(-1)] = -1
    least = p.rpn_min_size * info[2]
    small = ((boxes[:, 2:] - boxes[:, :2] + 1) < least).any(axis=1)
    boxes[small] += np.asarray([-least, -least, least, least], np.float32) / 2
    scores[small] = -1
    order = np.argsort(-scores, kind="stable")
    order = order[: p.rpn_pre_nms_top_n] if p.rpn_pre_nms_top_n > 0 else order
    kept = order[keep_best(boxes[order], p.threshold, pixels=True)][: p.rpn_post_nms_top_n]
    filled = kept[np.arange(p.rpn_post_nms_top_n) % len(kept)]
    return boxes[filled], scores[filled]


def _check(cls_prob, bbox_pred, im_info, p, batches):
    anchors = len(p.ratios) * len(p.scales)
    types.require_floating(cls_prob.dtype)
    if cls_prob.ndim != 4 or cls_prob.shape[1] != 2 * anchors:
        raise ArgumentError(f"Expected: cls_prob of (N, {2 * anchors}, H, W). Received: {cls_prob.shape}.")
    if not batches and cls_prob.shape[0] != 1:
        raise ArgumentError(f"Expected: a single image. Received: cls_prob.shape={cls_prob.shape}. Use MultiProposal.")
    batch, _, height, width = cls_prob.shape
    if bbox_pred.shape != (batch, 4 * anchors, height, width):
        raise ArgumentError(
            f"Expected: bbox_pred of {(batch, 4 * anchors, height, width)}. Received: {bbox_pred.shape}."
        )
    if im_info.shape != (batch, 3):
        raise ArgumentError(f"Expected: im_info of {(batch, 3)}. Received: {im_info.shape}.")
    if not height * width * anchors:
        raise ArgumentError(f"Expected: at least one anchor. Received: cls_prob.shape={cls_prob.shape}.")


class _Options:
    """The parameters of one call."""

    def __init__(self, **given):
        vars(self).update(given)


def _make_forward(batches):
    def forward(
        xp,
        cls_prob,
        bbox_pred,
        im_info,
        *,
        rpn_pre_nms_top_n: int = 6000,
        rpn_post_nms_top_n: int = 300,
        threshold: float = 0.7,
        rpn_min_size: int = 16,
        scales: Floats = (4.0, 8.0, 16.0, 32.0),
        ratios: Floats = (0.5, 1.0, 2.0),
        feature_stride: int = 16,
        output_score: bool = False,
        iou_loss: bool = False,
    ):
        p = _Options(
            rpn_pre_nms_top_n=rpn_pre_nms_top_n,
            rpn_post_nms_top_n=rpn_post_nms_top_n,
            threshold=threshold,
            rpn_min_size=rpn_min_size,
            scales=scales,
            ratios=ratios,
            feature_stride=feature_stride,
            iou_loss=iou_loss,
        )
        _check(cls_prob, bbox_pred, im_info, p, batches)
        probabilities, offsets, info = (widen(np, to_host(xp, array)) for array in (cls_prob, bbox_pred, im_info))
        rois = np.empty((len(probabilities), rpn_post_nms_top_n, 5), probabilities.dtype)
        scores = np.empty((len(probabilities), rpn_post_nms_top_n, 1), probabilities.dtype)
        foreground = probabilities[:, probabilities.shape[1] // 2 :]
        for sample, arrays in enumerate(zip(foreground, offsets, info, strict=True)):
            rois[sample, :, 0] = sample
            rois[sample, :, 1:], scores[sample, :, 0] = _propose(*arrays, p)
        return tuple(xp.asarray(x.reshape(-1, x.shape[2]).astype(cls_prob.dtype)) for x in (rois, scores))

    return forward


def _infer_shape(ins, outs, p):
    cls_prob, bbox_pred, im_info = ins
    if cls_prob is None:
        return ins, outs
    batch, channels, height, width = cls_prob
    bbox_pred = shapes.unify(bbox_pred, (batch, 2 * channels if channels != -1 else -1, height, width))
    rows = batch * p.rpn_post_nms_top_n if batch != -1 else -1
    found = [shapes.unify(outs[0], (rows, 5)), shapes.unify(outs[1], (rows, 1))]
    return [cls_prob, bbox_pred, shapes.unify(im_info, (batch, 3))], found


_DOC = """The boxes that a region proposal network proposes for {which}, after non-maximum suppression.

cls_prob: (N, 2 A, H, W), probabilities that an anchor is background (first A channels) or an object. bbox_pred:
(N, 4 A, H, W), how boxes differ from their anchors. im_info: (N, 3), height, width and scale of each image.
A = len(ratios) * len(scales) anchors around each position, feature_stride pixels apart. Boxes smaller than
rpn_min_size * scale go; the rpn_pre_nms_top_n best of the others are taken, those that a better one overlaps by more
than threshold go, and the rpn_post_nms_top_n best of the rest (repeated if there are fewer) are the proposals.
Outputs: (N * rpn_post_nms_top_n, 5), the image's number and corners in pixels; visible with output_score: their
scores, (N * rpn_post_nms_top_n, 1). iou_loss: bbox_pred moves the corners. No gradient flows.
Source: arXiv:1506.01497; MXNet 1.9.1.
"""


for _name, _batches, _which in (
    ("_contrib_Proposal", False, "an image"),
    ("_contrib_MultiProposal", True, "a batch of images"),
):
    declare_operator(
        _name,
        doc=_DOC.format(which=_which),
        cases=[
            Case(
                cls_prob=(1 + _batches, 4, 3, 4),
                bbox_pred=(1 + _batches, 8, 3, 4),
                im_info=np.array([[48.0, 64.0, 1.0]] * (1 + _batches)),
                scales=(1, 2),
                ratios=(1,),
                rpn_min_size=2,
                rpn_post_nms_top_n=5,
                low=0.0,
                output_score=True,
            )
        ],
        forward=_make_forward(_batches),
        gradient=ZERO_GRADIENT,
        infer_shape=_infer_shape,
        outputs=("output", "score"),
        visible=lambda p: 2 if p.output_score else 1,
    )
