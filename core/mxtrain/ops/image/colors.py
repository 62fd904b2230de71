"""Images in other colours: brightness, contrast, saturation, hue and lighting."""

from typing import Any, TypeAlias

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels.selection import select

Array: TypeAlias = Any

GRAY = (0.299, 0.587, 0.114)
# eigenvalues and eigenvectors of the colours of ImageNet's images
_EIGEN_VALUES = np.array([55.46, 4.794, 1.148], np.float32)
_EIGEN_VECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]], np.float32
)


def to_float(data: Array) -> Array:
    """The values as float32, or float64 where they are."""
    return data.astype(np.float64 if data.dtype == np.float64 else np.float32, copy=False)


def to_dtype(values: Array, dtype: np.dtype) -> Array:
    """The values in a dtype; integers are cut to their range, without rounding."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = values.clip(limits.min, limits.max)
    return values.astype(dtype, copy=False)


def _gray(xp: Any, image: Array) -> Array:
    """The brightness of each pixel, (H, W, 1)."""
    if image.shape[2] == 1:
        return image
    return (image @ xp.asarray(GRAY, dtype=image.dtype))[..., None]


def brighten(xp: Any, image: Array, factor: float) -> Array:
    """All values times a factor."""
    return image * image.dtype.type(factor)


def contrast(xp: Any, image: Array, factor: float) -> Array:
    """A blend of the image (its share is factor) and its mean brightness."""
    kind = image.dtype.type
    return image * kind(factor) + _gray(xp, image).mean() * kind(1 - factor)


def saturate(xp: Any, image: Array, factor: float) -> Array:
    """A blend of the image (its share is factor) and its gray version; gray images stay as they are."""
    if image.shape[2] == 1:
        return image.copy()
    kind = image.dtype.type
    return image * kind(factor) + _gray(xp, image) * kind(1 - factor)


def turn_hue(xp: Any, image: Array, turn: float) -> Array:
    """The hue of each pixel turned by a share of the circle, at its lightness and saturation; gray images stay."""
    if image.shape[2] == 1:
        return image.copy()
    red, green, blue = (image[..., channel] / 255 for channel in range(3))  # each in one piece
    largest = xp.maximum(xp.maximum(red, green), blue)
    smallest = xp.minimum(xp.minimum(red, green), blue)
    spread = largest - smallest
    safe = spread + (spread <= 0)
    hue = select(xp, largest == green, (blue - red) / safe + 2, (red - green) / safe + 4)
    hue = select(xp, largest == red, (green - blue) / safe, hue)
    hue += turn * 6
    hue -= 6 * xp.floor(hue / 6)  # `%` takes ten times as long
    result = xp.empty_like(image)
    # each channel is the brightest in the third of the circle around its own hue, and fades in the sixths beside it
    for channel in range(3):
        away = xp.abs(hue - 2 * channel)
        share = (2 - xp.minimum(away, 6 - away)).clip(0, 1)
        result[..., channel] = (smallest + spread * share) * 255
    return result


def light(xp: Any, image: Array, alpha: tuple[float, ...]) -> Array:
    """The image with a multiple of each principal component of natural colours added; gray images stay."""
    if len(alpha) != 3:
        raise ArgumentError(f"Expected: alpha of three values. Received: {alpha}.")
    if image.shape[2] == 1:
        return image.copy()
    shift = _EIGEN_VECTORS @ (np.asarray(alpha, np.float32) * _EIGEN_VALUES)
    return image + xp.asarray(shift).astype(image.dtype)
