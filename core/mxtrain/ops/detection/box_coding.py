"""`_contrib_box_encode` and `_contrib_box_decode`: boxes as offsets from anchors, and back."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.detection.boxes import to_centers, to_corners
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


def offsets_between(xp, anchors, boxes):
    """How boxes differ from anchors, both centers (..., 4): shift relative to the anchor's size, log of the scale."""
    shift = (boxes[..., :2] - anchors[..., :2]) / anchors[..., 2:]
    return xp.concatenate([shift, xp.log(boxes[..., 2:] / anchors[..., 2:])], axis=-1)


def _require_batch(name, array, expected):
    if array.shape != expected:
        raise ArgumentError(f"Expected: {name} of shape {expected}. Received: {array.shape}.")


@operator(
    "_contrib_box_encode",
    cases=[
        Case(
            samples=np.array([[0.0, 1.0, -1.0]]),
            matches=np.array([[0.0, 1.0, 1.0]]),
            anchors=np.array([[[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.1, 0.1, 0.3, 0.3]]]),
            refs=np.array([[[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.9, 0.8]]]),
            means=(4,),
            stds=(4,),
            low=0.1,
        )
    ],
)
class BoxEncode:
    """Regression targets: how the reference box that an anchor is matched with differs from the anchor.

    samples: (B, N), positive samples are > 0.5. matches: (B, N), in [0, M). anchors: (B, N, 4) and refs: (B, M, 4),
    corners. means, stds: (4,). Outputs: targets (offsets - means) / stds and masks, (B, N, 4), both 0 for samples
    that are not positive. One floating dtype. Source: MXNet 1.9.1.
    """

    outputs = ("targets", "masks")
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        samples = shapes.unify_all([*ins[:2], *(None if s is None else s[:2] for s in (ins[2], *outs))])
        if samples is None:
            return ins, outs
        full = (*samples, 4)
        found = [samples, samples, shapes.unify(ins[2], full), shapes.unify(ins[3], (samples[0], -1, 4))]
        return [*found, shapes.unify(ins[4], (4,)), shapes.unify(ins[5], (4,))], [full, full]

    def forward(xp, samples, matches, anchors, refs, means, stds):
        types.require_floating(anchors.dtype)
        _require_batch("anchors", anchors, (*samples.shape, 4))
        _require_batch("matches", matches, samples.shape)
        if refs.ndim != 3 or refs.shape[::2] != (samples.shape[0], 4) or not refs.shape[1]:
            raise ArgumentError(f"Expected: refs of shape ({samples.shape[0]}, M >= 1, 4). Received: {refs.shape}.")
        chosen = matches.astype(np.int64).clip(0, refs.shape[1] - 1)
        boxes = xp.take_along_axis(widen(xp, refs), chosen[..., None], axis=1)
        offsets = offsets_between(xp, to_centers(xp, widen(xp, anchors), "corner"), to_centers(xp, boxes, "corner"))
        positive = (samples > 0.5)[..., None]
        targets = xp.where(positive, (offsets - widen(xp, means)) / widen(xp, stds), 0)
        masks = xp.broadcast_to(positive, anchors.shape).astype(anchors.dtype)
        return targets.astype(anchors.dtype, copy=False), masks


@operator(
    "_contrib_box_decode",
    cases=[
        Case(data=(2, 3, 4), anchors=(1, 3, 4), std0=0.1, std1=0.1, std2=0.2, std3=0.2),
        Case(data=(1, 3, 4), anchors=(1, 3, 4), clip=0.2, format="corner"),
    ],
)
class BoxDecode:
    """The boxes that offsets from anchors stand for: the opposite of `_contrib_box_encode`.

    data: (B, N, 4), offsets, each multiplied by its std. anchors: (1, N, 4), corners or centers as format says.
    clip: if > 0, a limit on the logarithms of the scale. Output: (B, N, 4), corners, dtype of data. No gradient.
    """

    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        if data is not None:
            ins = [shapes.unify(data, (-1, -1, 4)), shapes.unify(ins[1], (1, data[1], 4))]
        return ins, [data]

    def forward(
        xp,
        data,
        anchors,
        *,
        std0: float = 1.0,
        std1: float = 1.0,
        std2: float = 1.0,
        std3: float = 1.0,
        clip: float = -1.0,
        format: Literal["corner", "center"] = "center",
    ):
        types.require_floating(data.dtype)
        if data.ndim != 3 or data.shape[2] != 4:
            raise ArgumentError(f"Expected: data of shape (B, N, 4). Received: {data.shape}.")
        _require_batch("anchors", anchors, (1, *data.shape[1:]))
        x = widen(xp, data)
        offsets = x * xp.asarray([std0, std1, std2, std3], dtype=x.dtype)
        base = to_centers(xp, widen(xp, anchors), format)
        center = offsets[..., :2] * base[..., 2:] + base[..., :2]
        scale = xp.minimum(offsets[..., 2:], clip) if clip > 0 else offsets[..., 2:]
        boxes = xp.concatenate([center, xp.exp(scale) * base[..., 2:]], axis=-1)
        return to_corners(xp, boxes, "center").astype(data.dtype, copy=False)
