"""Images in another size or orientation: `_image_resize`, `_image_crop`, and flips."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.image.checks import require_image
from mxtrain.ops.image.resampling import LANCZOS, resample
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator, operator
from mxtrain.ops.parameters import Shape


def _new_size(data, size, keep_ratio):
    """Height and width of a resized image (-1 where unknown). data: the shape of an image or a batch."""
    if len(size) not in (1, 2) or min(size) < 1:
        raise ArgumentError(f"Expected: size (width, height) or (size,), positive. Received: {size}.")
    if len(size) == 2:
        return size[1], size[0]
    if not keep_ratio:
        return size * 2
    height, width = data[-3:-1]
    if -1 in (height, width):
        return -1, -1
    if height > width:
        return size[0] * height // width, size[0]
    return size[0], size[0] * width // height


@operator(
    "_image_resize",
    cases=[
        Case(data=(4, 5, 3), size=(3, 6)),
        Case(data=(2, 4, 5, 3), size=(2,), keep_ratio=True, interp=2),
        Case(data=np.arange(60).reshape(4, 5, 3), size=(3,), interp=3),
    ],
)
class ImageResize:
    """Images of another size.

    data: (H, W, C) or (N, H, W, C), any numeric dtype. size: (width, height), or (size,) for both, or with keep_ratio
    for the shorter side. interp: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos. Output: same dtype.
    Source: MXNet 1.9.1; OpenCV's `resize`.
    """

    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(outs[0], (*ins[0][:-3], *_new_size(ins[0], p.size, p.keep_ratio), ins[0][-1]))]

    def forward(xp, data, *, size: Shape = (), keep_ratio: bool = False, interp: int = 1):
        require_image(data, batches=True)
        if not 0 <= interp <= LANCZOS:
            raise ArgumentError(f"Expected: interp from 0 to {LANCZOS}. Received: {interp}.")
        if not data.shape[-3] * data.shape[-2]:
            raise ArgumentError(f"Expected: an image that is not empty. Received: {data.shape}.")
        images = data if data.ndim == 4 else data[None]
        result = resample(xp, images, *_new_size(data.shape, size, keep_ratio), interp)
        return result if data.ndim == 4 else result[0]


def _window(data, x, y, width, height):
    """The key of a window in an image or a batch of a shape. Raises ArgumentError for one that is not inside."""
    if min(width, height) < 1 or min(x, y) < 0 or x + width > data[-2] or y + height > data[-3]:
        raise ArgumentError(
            f"Expected: a window inside the image {data[-3:-1]} (height, width). "
            f"Received: x={x}, y={y}, width={width}, height={height}."
        )
    return (..., slice(y, y + height), slice(x, x + width), slice(None))


@operator(
    "_image_crop",
    cases=[Case(data=(4, 5, 3), x=1, y=2, width=3, height=2), Case(data=(2, 4, 5, 1), x=0, y=0, width=5, height=1)],
)
class ImageCrop:
    """A window of images. data: (H, W, C) or (N, H, W, C). x, y: its upper left corner. Output: same dtype."""

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(outs[0], (*ins[0][:-3], p.height, p.width, ins[0][-1]))]

    def forward(xp, data, *, x: int, y: int, width: int, height: int):
        require_image(data, batches=True)
        return data[_window(data.shape, x, y, width, height)].copy()

    def gradient(F, gy, y_, data, *, x, y, width, height):
        return F._image_crop_backward(gy, data, x=x, y=y, width=width, height=height)


@operator("_image_crop_backward", cases=[Case(gy=(2, 3, 3), data=(4, 5, 3), x=1, y=2, width=3, height=2)])
class ImageCropBackward:
    """The gradient of `_image_crop`: gy in its window, 0 around it. Output: data's shape."""

    infer_shape = shapes.like_input(1)

    def forward(xp, gy, data, *, x: int, y: int, width: int, height: int):
        result = xp.zeros(data.shape, gy.dtype)
        result[_window(data.shape, x, y, width, height)] = gy
        return result

    def gradient(F, ggx, y_, gy, data, **window):
        return F._image_crop(ggx, **window), None


def _declare_flip(direction, axis, axis_name):
    """Declare the operator that flips images along an axis, and the one that does so by chance."""

    def flip(xp, data):
        require_image(data)
        return xp.flip(data, axis).copy()

    def flip_sometimes(xp, data, *, rng):
        require_image(data)
        if float(rng.generator.random(1)[0]) < 0.5:
            return data.copy()
        return xp.flip(data, axis).copy()

    name = f"_image_flip_{direction}"
    declare_operator(
        name,
        doc=f"An image mirrored along its {axis_name}. data: (H, W, C). Output: same shape and dtype.",
        cases=[Case(data=(2, 3, 3))],
        forward=flip,
        gradient=lambda F, gy, y, data: getattr(F, name)(gy),
        infer_shape=shapes.same,
    )
    declare_operator(
        f"_image_random_flip_{direction}",
        doc=f"An image, mirrored along its {axis_name} half of the time.\n\ndata: (H, W, C). Output: the same.",
        cases=[Case(data=(2, 3, 3))],
        forward=flip_sometimes,
        gradient=NOT_DIFFERENTIABLE,
        infer_shape=shapes.same,
    )


_declare_flip("left_right", 1, "width")
_declare_flip("top_bottom", 0, "height")
