"""`_contrib_MultiBoxPrior`: anchor boxes around every position of a feature map."""

import math

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.nn.partial_shapes import sizes_product
from mxtrain.ops.operator import ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import Floats


def _half_sizes(sizes, ratios, height, width):
    """Half width and half height of each anchor: every size in the first ratio, then the first size in the others."""
    pairs = [(size, ratios[0]) for size in sizes] + [(sizes[0], ratio) for ratio in ratios[1:]]
    return [(size * height / width * math.sqrt(ratio) / 2, size / math.sqrt(ratio) / 2) for size, ratio in pairs]


def _check(sizes, ratios, steps, offsets):
    if not sizes or not ratios or min(sizes) <= 0 or min(ratios) <= 0:
        raise ArgumentError(f"Expected: positive sizes and ratios. Received: sizes={sizes}, ratios={ratios}.")
    if len(steps) != 2 or len(offsets) != 2 or steps[0] * steps[1] <= 0:
        raise ArgumentError(
            f"Expected: two steps (both positive, or both -1) and two offsets, for y and x. "
            f"Received: steps={steps}, offsets={offsets}."
        )


@operator(
    "_contrib_MultiBoxPrior",
    cases=[
        Case(data=(1, 2, 3, 4), sizes=(0.75, 0.5), ratios=(1, 2, 0.5)),
        Case(data=(1, 1, 2, 2), steps=(0.4, 0.3), offsets=(0.1, 0.9), clip=True),
    ],
)
class MultiBoxPrior:
    """Anchor boxes of several sizes and aspect ratios around each position of a feature map.

    data: (N, C, H, W), of which only H, W and the dtype matter. Per position: a box of each size in the first ratio,
    then of the first size in each other ratio. sizes are shares of the image's height, ratios width / height. steps,
    offsets: distance between boxes (-1: 1 / H, 1 / W) and place of the first in steps, y then x. clip: into [0, 1].
    Output: (1, H * W * (len(sizes) + len(ratios) - 1), 4), corners, relative to the image. Source: MXNet 1.9.1.
    """

    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify((1, sizes_product((*ins[0][2:], len(p.sizes) + len(p.ratios) - 1)), 4), outs[0])]

    def forward(
        xp,
        data,
        *,
        sizes: Floats = (1.0,),
        ratios: Floats = (1.0,),
        clip: bool = False,
        steps: Floats = (-1.0, -1.0),
        offsets: Floats = (0.5, 0.5),
    ):
        types.require_floating(data.dtype)
        if data.ndim != 4:
            raise ArgumentError(f"Expected: data of (N, C, H, W). Received: {data.shape}.")
        _check(sizes, ratios, steps, offsets)
        height, width = data.shape[2:]
        step_y, step_x = steps if steps[0] > 0 else (1 / max(height, 1), 1 / max(width, 1))
        y = ((xp.arange(height) + offsets[0]) * step_y).astype(np.float32)
        x = ((xp.arange(width) + offsets[1]) * step_x).astype(np.float32)
        half = xp.asarray(_half_sizes(sizes, ratios, height, max(width, 1)), dtype=np.float32)
        boxes = xp.empty((height, width, len(half), 4), np.float32)
        boxes[..., 0] = x[:, None] - half[:, 0]
        boxes[..., 1] = y[:, None, None] - half[:, 1]
        boxes[..., 2] = x[:, None] + half[:, 0]
        boxes[..., 3] = y[:, None, None] + half[:, 1]
        if clip:
            boxes = boxes.clip(0, 1)
        return boxes.reshape(1, -1, 4).astype(data.dtype, copy=False)
