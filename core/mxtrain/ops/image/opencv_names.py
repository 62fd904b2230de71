"""Operators that MXNet names after OpenCV's functions: `_cvimresize`, `_cvcopyMakeBorder`."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.image.checks import require_image
from mxtrain.ops.image.geometry import ImageResize
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Floats

# numpy.pad's words for OpenCV's border types
_BORDERS = ("constant", "edge", "symmetric", "wrap", "reflect")


@operator(
    "_cvimresize",
    cases=[Case(src=(4, 5, 3), w=3, h=6), Case(src=np.arange(60).reshape(4, 5, 3), w=3, h=3, interp=3)],
)
class CvImResize:
    """An image of another size.

    src: (H, W, C), any numeric dtype. w, h: the new width and height. interp: 0 nearest, 1 linear, 2 cubic, 3 area,
    4 Lanczos. Output: (h, w, C), same dtype. Source: MXNet 1.9.1's `_cvimresize`, OpenCV's `resize`.
    """

    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        _require_three_axes(ins[0])
        return ins, [shapes.unify(outs[0], (p.h, p.w, ins[0][2]))]

    def forward(xp, src, *, w: int, h: int, interp: int = 1):
        require_image(src)
        return ImageResize.forward(xp, src, size=(w, h), interp=interp)


def _require_three_axes(shape):
    if len(shape) != 3:
        raise ArgumentError(f"Expected: src of shape (H, W, C). Received: {shape}.")


@operator(
    "_cvcopyMakeBorder",
    cases=[
        Case(src=(2, 2, 3), top=1, bot=0, left=2, right=0, values=(1.0, 2.0, 3.0)),
        *(Case(src=(3, 3, 1), top=1, bot=2, left=0, right=2, type=kind) for kind in range(1, 5)),
    ],
)
class CvCopyMakeBorder:
    """An image with a border around it.

    src: (H, W, C), any numeric dtype. top, bot, left, right: the width of the border in pixels. type: 0 of one color
    (value, or values per channel), 1 the outermost pixels again, 2 the image mirrored with its outermost pixels, 3 the
    image over again, 4 mirrored without its outermost pixels. Output: (top + H + bot, left + W + right, C), same dtype.
    Source: MXNet 1.9.1's `_cvcopyMakeBorder`, OpenCV's `copyMakeBorder`.
    """

    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        _require_three_axes(ins[0])
        height, width, channels = ins[0]
        size = (
            -1 if height < 0 else p.top + height + p.bot,
            -1 if width < 0 else p.left + width + p.right,
            channels,
        )
        return ins, [shapes.unify(outs[0], size)]

    def forward(
        xp, src, *, top: int, bot: int, left: int, right: int, type: int = 0, value: float = 0.0, values: Floats = ()
    ):
        require_image(src)
        if min(top, bot, left, right) < 0 or not 0 <= type < len(_BORDERS):
            raise ArgumentError(
                f"Expected: borders >= 0 and type from 0 to {len(_BORDERS) - 1}. "
                f"Received: {(top, bot, left, right)} and {type}."
            )
        if values and len(values) != src.shape[2]:
            raise ArgumentError(f"Expected: {src.shape[2]} values, one per channel. Received: {values}.")
        widths = ((top, bot), (left, right), (0, 0))
        if type != 0:
            if not src.shape[0] * src.shape[1]:
                raise ArgumentError(f"Expected: an image that is not empty. Received: {src.shape}.")
            return xp.pad(src, widths, mode=_BORDERS[type])
        result = xp.empty((top + src.shape[0] + bot, left + src.shape[1] + right, src.shape[2]), src.dtype)
        result[...] = xp.asarray(values or [value] * src.shape[2]).astype(src.dtype)
        result[top : top + src.shape[0], left : left + src.shape[1]] = src
        return result
