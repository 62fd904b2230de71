"""Operators that change the colours of an image: `_image_random_brightness` and so on, `_image_adjust_lighting`."""

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.image import colors
from mxtrain.ops.image.checks import require_colors, require_factors
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, declare_operator, operator
from mxtrain.ops.parameters import Floats


def _between(rng, low, high):
    """A random number from low to high."""
    return low + (high - low) * float(rng.generator.random(1)[0])


def _apply(xp, data, change, amount):
    """An image changed by a function of `colors`, in data's dtype."""
    require_colors(data)
    return colors.to_dtype(change(xp, colors.to_float(data), amount), data.dtype)


def _declare_random(what, change, meaning):
    """Declare the operator `_image_random_<what>`."""

    def forward(xp, data, *, min_factor: float, max_factor: float, rng):
        require_factors(min_factor, max_factor)
        return _apply(xp, data, change, _between(rng, min_factor, max_factor))

    declare_operator(
        f"_image_random_{what}",
        doc=f"An image {meaning}.\n\ndata: (H, W, C), 1 or 3 channels. The factor is random, from min_factor to "
        "max_factor. Output: same shape and dtype; integers are cut to their range. Source: MXNet 1.9.1.",
        cases=[
            Case(data=(2, 3, 3), min_factor=0.5, max_factor=1.5),
            Case(data=(2, 3, 1), min_factor=1, max_factor=1),
        ],
        forward=forward,
        gradient=NOT_DIFFERENTIABLE,
        infer_shape=shapes.same,
    )


_declare_random("brightness", colors.brighten, "multiplied by a factor")
_declare_random("contrast", colors.contrast, "blended with its mean brightness; the factor is the image's share")
# MXNet 1.9.1 takes the blue channel's part alone for the gray version
_declare_random("saturation", colors.saturate, "blended with its gray version; the factor is the image's share")
_declare_random("hue", colors.turn_hue, "whose hues are turned, by the factor times the whole circle")


@operator(
    "_image_random_color_jitter",
    cases=[
        Case(data=(2, 3, 3), brightness=0.2, contrast=0.3, saturation=0.4, hue=0.1),
        Case(data=(2, 3, 3), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0),
    ],
)
class RandomColorJitter:
    """An image with random brightness, contrast, saturation and hue, changed in a random order.

    data: (H, W, C), 1 or 3 channels. Each factor is random, from 1 - x to 1 + x (hue: from -x to x), where x is the
    parameter, >= 0; 0 leaves it out. Output: same shape and dtype. Source: MXNet 1.9.1.
    """

    infer_shape = shapes.same
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, data, *, brightness: float, contrast: float, saturation: float, hue: float, rng):
        require_colors(data)
        if min(brightness, contrast, saturation, hue) < 0:
            raise ArgumentError("Expected: brightness, contrast, saturation and hue >= 0. Received: a negative one.")
        changes = (
            (colors.brighten, brightness, 1),
            (colors.contrast, contrast, 1),
            (colors.saturate, saturation, 1),
            (colors.turn_hue, hue, 0),
        )
        result = data.copy()
        for number in sorted(range(4), key=list(rng.generator.random(4).tolist()).__getitem__):
            change, width, center = changes[number]
            if width > 0:
                result = _apply(xp, result, change, _between(rng, max(center - width, center - 1), center + width))
        return result


@operator("_image_adjust_lighting", cases=[Case(data=(2, 3, 3), alpha=(0.1, -0.2, 0.3))])
class AdjustLighting:
    """An image with alpha times each principal component of natural colours added, as for AlexNet.

    data: (H, W, C), 1 or 3 channels (a gray one stays as it is). alpha: three numbers. Output: same shape and dtype.
    """

    infer_shape = shapes.same

    def forward(xp, data, *, alpha: Floats):
        return _apply(xp, data, colors.light, alpha)

    def gradient(F, gy, y, data, *, alpha):
        return F.identity(gy)


@operator("_image_random_lighting", cases=[Case(data=(2, 3, 3), alpha_std=0.1), Case(data=(2, 3, 1))])
class RandomLighting:
    """`_image_adjust_lighting` by three normal random numbers with the standard deviation alpha_std."""

    infer_shape = shapes.same
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, data, *, alpha_std: float = 0.05, rng):
        alpha = tuple(float(value) * alpha_std for value in rng.generator.standard_normal(3).tolist())
        return _apply(xp, data, colors.light, alpha)
