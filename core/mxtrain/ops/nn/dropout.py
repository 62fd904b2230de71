"""`Dropout`: in training, each value is set to 0 with probability p and the others are scaled up."""

from typing import Literal

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import blocks, random_numbers
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape


def _mask_shape(data, axes):
    """The data's shape, with 1 for the axes that share one decision."""
    shared = shapes.normalize_axes(axes, len(data)) if axes else ()
    return tuple(1 if axis in shared else size for axis, size in enumerate(data))


def _draw(xp, rng, mask, p):
    """Fill the mask with 0 (probability p) or 1 / (1 - p)."""
    factor = mask.dtype.type(1 / (1 - p) if p < 1 else np.inf)
    if xp is not np:
        xp.multiply(rng.generator.random(mask.shape, dtype=np.float32) >= np.float32(p), factor, out=mask)
        return

    def draw(generator, part):
        drawn = part if part.dtype == np.float32 else np.empty(part.shape, np.float32)
        random_numbers.fill_uniform(generator, drawn)
        np.multiply(np.greater_equal(drawn, np.float32(p)), factor, out=part)

    random_numbers.fill(rng, mask, draw)


@operator(
    "Dropout",
    cases=[
        Case(data=(3, 4), p=0.5, differentiable=False),
        Case(data=(3, 4), p=0.0, mode="always"),
        Case(data=(3, 4), p=0.25, mode="always", axes=(1,), differentiable=False),
    ],
)
class Dropout:
    """Sets values to 0 with probability p and multiplies the others by 1 / (1 - p); in prediction a copy.

    data: any shape, floating. mode: "always" does it in prediction too. axes: along these one decision holds for all.
    Output: same shape and dtype; a hidden second one is the mask of factors, with size 1 along `axes`.
    cudnn_off is accepted and has no effect. Source: MXNet 1.9.1's `Dropout`, with which p=1 gives NaN (0 / 0).
    """

    outputs = ("output", "mask")
    visible = 1

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[0], outs[0])
        return [data], [data, None if data is None else _mask_shape(data, p.axes)]

    def forward(
        xp,
        data,
        *,
        p: float = 0.5,
        mode: Literal["training", "always"] = "training",
        axes: Shape = (),
        cudnn_off: bool | None = False,
        is_train: bool,
        rng,
        out=None,
    ):
        if not 0 <= p <= 1:
            raise ArgumentError(f"Expected: p from 0 to 1. Received: p={p}.")
        y, mask = (None, None) if out is None else out
        mask = xp.empty(_mask_shape(data.shape, axes), data.dtype) if mask is None else mask
        if is_train or mode == "always":
            _draw(xp, rng, mask, p)
            if blocks.is_large(xp, mask.size):
                y = np.empty(data.shape, data.dtype) if y is None else y
                return blocks.elementwise(np.multiply, (data, mask), y), mask
            return xp.multiply(data, mask, out=y), mask
        mask[...] = 1
        if y is None:
            return data.copy(), mask
        y[...] = data
        return y, mask

    def gradient(F, gy, y, data, *, axes, **params):
        return F.broadcast_mul(gy[0], y[1]) if axes else F.elemwise_mul(gy[0], y[1])
