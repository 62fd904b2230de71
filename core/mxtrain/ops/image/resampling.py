"""Images of another size, by the interpolations of OpenCV: nearest, linear, cubic, area, Lanczos.

Both axes are resampled one after the other: each place of the output is a weighted sum of some places ("taps") of the
input. As in OpenCV, 8-bit images are computed in integers, with weights of 11 bits.
"""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any

NEAREST, LINEAR, CUBIC, AREA, LANCZOS = range(5)
_WEIGHT_BITS = 11


def _cubic_weights(x: np.ndarray) -> np.ndarray:
    """Weights of the four places around a fraction x, of a cubic with the slope -0.75."""
    a, y = -0.75, 1 - x
    first = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
    second = ((a + 2) * x - (a + 3)) * x * x + 1
    third = ((a + 2) * y - (a + 3)) * y * y + 1
    return np.stack([first, second, third, 1 - first - second - third], axis=1)


def _lanczos_weights(x: np.ndarray) -> np.ndarray:
    """Weights of the eight places around a fraction x, of a sinc with a window as wide."""
    distance = x[:, None] + 3 - np.arange(8)
    weights = np.sinc(distance) * np.sinc(distance / 4)
    return weights / weights.sum(axis=1, keepdims=True)


def _area_taps(size: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """Taps of an axis that shrinks: how much of each place lies in each cell."""
    edges = np.arange(new + 1) * (size / new)
    first = np.floor(edges[:-1] + 1e-9).astype(np.int64)
    places = first[:, None] + np.arange(int(np.ceil(size / new)) + 1)
    covered = np.minimum(places + 1, edges[1:, None]) - np.maximum(places, edges[:-1, None])
    weights = np.maximum(covered, 0)
    return places, weights / weights.sum(axis=1, keepdims=True)


def _smooth_taps(size: int, new: int, method: int) -> tuple[np.ndarray, np.ndarray]:
    """Taps around the center of each place of the output."""
    centers = ((np.arange(new) + 0.5) * (size / new) - 0.5).astype(np.float32)
    low = np.floor(centers).astype(np.int64)
    fraction = (centers - low).astype(np.float64)
    if method == CUBIC:
        return low[:, None] + np.arange(-1, 3), _cubic_weights(fraction)
    if method == LANCZOS:
        return low[:, None] + np.arange(-3, 5), _lanczos_weights(fraction)
    return low[:, None] + np.arange(2), np.stack([1 - fraction, fraction], axis=1)


def _taps(size: int, new: int, method: int, shrinks: bool) -> tuple[np.ndarray, np.ndarray]:
    """Places (new, k) within [0, size) and their weights. shrinks: both axes do."""
    if method == NEAREST:
        places, weights = np.floor(np.arange(new) * (size / new)).astype(np.int64)[:, None], np.ones((new, 1))
    elif method == AREA and shrinks:
        places, weights = _area_taps(size, new)
    elif method == AREA:
        # an area that grows: each place, and a blend where the border of two lies within one of the output
        low = np.floor(np.arange(new) * (size / new)).astype(np.int64)
        fraction = np.arange(1, new + 1) - (low + 1) * (new / size)
        fraction = np.where(fraction <= 0, 0, fraction - np.floor(fraction))
        places, weights = low[:, None] + np.arange(2), np.stack([1 - fraction, fraction], axis=1)
    else:
        places, weights = _smooth_taps(size, new, method)
    return places.clip(0, size - 1), weights


def _weighted_sum(xp: Any, images: Array, axis: int, places: np.ndarray, weights: np.ndarray) -> Array:
    """The sums of the taps along an axis, in the weights' dtype."""
    total = None
    # across a row, each channel gets its weight: repeating it for three numbers at a time takes ten times as long
    shape = (len(places), images.shape[3] if axis == 2 else 1, *(1,) * (2 - axis))
    for place, weight in zip(places.T, weights.T, strict=True):
        if not weight.any():
            continue
        part = xp.take(images, xp.asarray(place), axis=axis).astype(weights.dtype, copy=False)
        part *= xp.asarray(weight.repeat(shape[1])).reshape(shape)
        total = part if total is None else xp.add(total, part, out=total)
    return total


def resample(xp: Any, images: Array, height: int, width: int, method: int) -> Array:
    """Images (N, H, W, C) in a new height and width, same dtype."""
    sizes = images.shape[1:3]
    shrinks = sizes[0] >= height and sizes[1] >= width
    rows, columns = (_taps(*pair, method, shrinks) for pair in ((sizes[0], height), (sizes[1], width)))
    if method == NEAREST:
        return xp.take(xp.take(images, xp.asarray(rows[0][:, 0]), axis=1), xp.asarray(columns[0][:, 0]), axis=2)
    if images.dtype == np.uint8 and not (method == AREA and shrinks):
        return _resample_bytes(xp, images, rows, columns, rounds_twice=method in (LINEAR, AREA))
    kind = images.dtype if images.dtype.kind == "f" and images.dtype.itemsize > 2 else np.dtype(np.float32)
    wide = images
    for axis, (places, weights) in ((2, columns), (1, rows)):
        wide = _weighted_sum(xp, wide, axis, places, weights.astype(kind))
    if images.dtype.kind in "iu":
        limits = np.iinfo(images.dtype)
        wide = xp.rint(wide).clip(limits.min, limits.max)
    return wide.astype(images.dtype, copy=False)


def _resample_bytes(xp: Any, images: Array, rows: Any, columns: Any, *, rounds_twice: bool) -> Array:
    """8-bit images resampled in integers. rounds_twice: each row's share is cut to 18 bits before they are added."""
    scale = 1 << _WEIGHT_BITS
    across = np.rint(columns[1] * scale).astype(np.int32)
    down = np.rint(rows[1] * scale).astype(np.int32)
    lines = _weighted_sum(xp, images, 2, columns[0], across)
    if not rounds_twice:
        total = _weighted_sum(xp, lines, 1, rows[0], down.astype(np.int64))
        return ((total + (1 << 21)) >> 22).clip(0, 255).astype(np.uint8)
    lines >>= 4
    total = xp.full((len(images), len(down), *lines.shape[2:]), 2, np.int32)
    for place, weight in zip(rows[0].T, down.T, strict=True):
        part = xp.take(lines, xp.asarray(place), axis=1)
        part *= xp.asarray(weight)[:, None, None]
        part >>= 16
        total += part
    total >>= 2
    return total.clip(0, 255).astype(np.uint8)
