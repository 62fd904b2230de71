"""Boxes as arrays (..., 4): corners (xmin, ymin, xmax, ymax) or centers (x, y, width, height); overlap; suppression."""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any


def to_corners(xp: Any, boxes: Array, kind: str) -> Array:
    """Boxes as corners; `kind` tells what they are: "corner" or "center"."""
    if kind == "corner":
        return boxes
    half = boxes[..., 2:] / 2
    return xp.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


def to_centers(xp: Any, boxes: Array, kind: str) -> Array:
    """Boxes as centers; `kind` tells what they are: "corner" or "center"."""
    if kind == "center":
        return boxes
    size = boxes[..., 2:] - boxes[..., :2]
    return xp.concatenate([(boxes[..., :2] + boxes[..., 2:]) / 2, size], axis=-1)


def areas(xp: Any, boxes: Array) -> Array:
    """The area of each box given by its corners; 0 where a side is negative."""
    size = xp.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return size[..., 0] * size[..., 1]


def overlap(xp: Any, first: Array, second: Array) -> Array:
    """Intersection over union of boxes given by corners, shapes (..., 4) that broadcast; 0 where they are apart."""
    upper = xp.minimum(first[..., 2:], second[..., 2:])
    size = xp.maximum(upper - xp.maximum(first[..., :2], second[..., :2]), 0)
    common = size[..., 0] * size[..., 1]
    union = areas(xp, first) + areas(xp, second) - common
    return xp.where(common > 0, common / xp.where(common > 0, union, 1), 0).astype(first.dtype, copy=False)


def to_host(xp: Any, array: Array) -> np.ndarray:
    """The array in host memory."""
    return array if xp is np else xp.asnumpy(array)


def keep_best(
    boxes: np.ndarray, threshold: float, *, classes: np.ndarray | None = None, pixels: bool = False
) -> np.ndarray:
    """Positions of the boxes that greedy non-maximum suppression keeps.

    boxes: (K, 4), corners, best first. A box goes where a better one that is kept overlaps it by more than threshold,
    and is of the same class if classes, (K,), are given. pixels: corners are pixels that belong to the box.
    """
    extent = 1 if pixels else 0
    lower, upper = np.ascontiguousarray(boxes[:, :2].T), np.ascontiguousarray(boxes[:, 2:].T) + extent
    area = np.prod(np.maximum(upper - lower, 0), axis=0)
    candidates, kept = np.arange(len(boxes)), []
    while candidates.size:
        best, rest = candidates[0], candidates[1:]
        kept.append(best)
        size = np.minimum(upper[:, rest], upper[:, best, None]) - np.maximum(lower[:, rest], lower[:, best, None])
        common = np.prod(np.maximum(size, 0), axis=0)
        # written so that a union of 0 (both boxes empty) is no overlap
        gone = (common > 0) & (common / np.where(common > 0, area[rest] + area[best] - common, 1) > threshold)
        if classes is not None:
            gone &= classes[rest] == classes[best]
        candidates = rest[~gone]
    return np.asarray(kept, dtype=np.int64)
