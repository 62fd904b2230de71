"""Images in other colours: brightness, contrast, saturation, hue and lighting."""

from typing import Any, TypeAlias

import numpy as np

from mxtrain.base import ArgumentError

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
    scaled = image / 255
    red, green, blue = (scaled[..., channel] for channel in range(3))
    largest, smallest = scaled.max(axis=2), scaled.min(axis=2)
    spread = largest - smallest
    safe = xp.where(spread > 0, spread, 1)
    hue = xp.where(
        largest == red,
        (green - blue) / safe,
        xp.where(largest == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = (hue + turn * 6) % 6
    # each channel is the brightest in the third of the circle around its own hue, and fades in the sixths beside it
    centers = xp.asarray([0, 2, 4], dtype=image.dtype)
    away = xp.abs((hue[..., None] - centers + 3) % 6 - 3)
    share = (2 - away).clip(0, 1)
    return ((smallest[..., None] + spread[..., None] * share) * 255).astype(image.dtype, copy=False)


def light(xp: Any, image: Array, alpha: tuple[float, ...]) -> Array:
    """The image with a multiple of each principal component of natural colours added; gray images stay."""
    if len(alpha) != 3:
        raise ArgumentError(f"Expected: alpha of three values. Received: {alpha}.")
    if image.shape[2] == 1:
        return image.copy()
    shift = _EIGEN_VECTORS @ (np.asarray(alpha, np.float32) * _EIGEN_VALUES)
    return image + xp.asarray(shift).astype(image.dtype)
