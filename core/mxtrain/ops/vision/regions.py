"""Weighted sums over regions of feature maps, where the weights are products of weights by row and by column.

Region r of image images[r] gives, for each cell (i, j) of a grid and each channel c, the sum over y and x of
rows[r, i, y] * columns[r, j, x] * data[images[r], c, y, x]: two matrix products. images: (R,), on the host, negative
for regions that give 0. rows: (R, h, H). columns: (R, w, W).
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from mxtrain.base import ArgumentError

Array: TypeAlias = Any

_BLOCK_ELEMENTS = 4 << 20  # of an intermediate array


def images_of(xp: Any, rois: Array, count: int) -> np.ndarray:
    """The image of each region, on the host, from the first column of rois. Raises ArgumentError beyond the last."""
    images = (rois if xp is np else xp.asnumpy(rois))[:, 0].astype(np.int64)
    if images.size and images.max() >= count:
        raise ArgumentError(f"Expected: images in [0, {count}) in rois[:, 0]. Received: {images.max()}.")
    return images


def _blocks(images: np.ndarray, per_region: int) -> Iterator[tuple[int, np.ndarray]]:
    """Regions of one image at a time, as many as fill a block: the image and their numbers."""
    step = max(1, _BLOCK_ELEMENTS // max(per_region, 1))
    for image in np.unique(images[images >= 0]):
        regions = np.flatnonzero(images == image)
        for start in range(0, len(regions), step):
            yield int(image), regions[start : start + step]


def _windows(xp: Any, weights: Array) -> tuple[Array, int]:
    """The first place that counts for any cell of each region, (R,), and how many places the largest region spans."""
    size = weights.shape[2]
    counts = (weights != 0).any(axis=1)
    first = counts.argmax(axis=1)
    span = int(xp.where(counts.any(axis=1), size - counts[:, ::-1].argmax(axis=1) - first, 1).max())
    return xp.minimum(first, size - span), span


def _cut(xp: Any, weights: Array, first: Array, span: int) -> Array:
    """The weights of each region's window: (R, cells, span)."""
    return xp.take_along_axis(weights, (first[:, None] + xp.arange(span))[:, None, :], axis=2)


def pool_regions(xp: Any, data: Array, images: np.ndarray, rows: Array, columns: Array) -> Array:
    """The sums, (R, C, h, w), over data (N, C, H, W)."""
    channels = data.shape[1]
    across, down = columns.shape[1], rows.shape[1]
    result = xp.zeros((len(images), channels, down, across), data.dtype)
    if not len(images):
        return result
    # only the windows that the regions lie in, channels last
    (top, tall), (left, wide) = _windows(xp, rows), _windows(xp, columns)
    rows, columns = _cut(xp, rows, top, tall), _cut(xp, columns, left, wide)
    table, last = None, None
    for image, regions in _blocks(images, channels * tall * wide):
        if image != last:
            table, last = xp.ascontiguousarray(data[image].transpose(1, 2, 0)), image
        y, x = top[regions][:, None] + xp.arange(tall), left[regions][:, None] + xp.arange(wide)
        by_column = xp.matmul(columns[regions][:, None], table[y[:, :, None], x[:, None, :]])
        cells = xp.matmul(rows[regions], by_column.reshape(len(regions), tall, across * channels))
        result[regions] = cells.reshape(len(regions), down, across, channels).transpose(0, 3, 1, 2)
    return result


def spread_regions(xp: Any, gy: Array, images: np.ndarray, rows: Array, columns: Array, result: Array) -> Array:
    """The gradient of pool_regions by data: gy (R, C, h, w) added to `result` (N, C, H, W), which is returned."""
    channels, height, width = result.shape[1:]
    for image, regions in _blocks(images, channels * height * columns.shape[1]):
        cells = xp.ascontiguousarray(gy[regions].transpose(0, 3, 2, 1))
        by_column = xp.matmul(rows[regions].swapaxes(1, 2)[:, None], cells).reshape(-1, height * channels)
        by_width = columns[regions].reshape(-1, width).T @ by_column
        result[image] += by_width.reshape(width, height, channels).transpose(2, 1, 0)
    return result


def pool_own_channels(xp: Any, data: Array, images: np.ndarray, rows: Array, columns: Array) -> Array:
    """The sums where each cell has channels of its own: data (N, C, h, w, H, W), result (R, C, h, w)."""
    result = xp.zeros((len(images), *data.shape[1:4]), data.dtype)
    for image, regions in _blocks(images, data[0, ..., 0].size):
        by_column = xp.einsum("cijyx,rjx->rcijy", data[image], columns[regions])
        result[regions] = xp.einsum("rcijy,riy->rcij", by_column, rows[regions])
    return result


def spread_own_channels(xp: Any, gy: Array, images: np.ndarray, rows: Array, columns: Array, result: Array) -> Array:
    """The gradient of pool_own_channels by data, added to `result` (N, C, h, w, H, W), which is returned."""
    for image, regions in _blocks(images, result[0, ..., 0].size):
        by_column = xp.einsum("rcij,riy->rcijy", gy[regions], rows[regions])
        result[image] += xp.einsum("rcijy,rjx->cijyx", by_column, columns[regions])
    return result
