"""Boxes as arrays (..., 4): corners (xmin, ymin, xmax, ymax) or centers (x, y, width, height); overlap; suppression."""

from typing import Any, TypeAlias

import numpy as np

from mxtrain.ops.kernels import blocks

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


def overlap(xp: Any, first: Array, second: Array) -> Array:
    """Intersection over union of boxes given by corners, shapes (..., 4) that broadcast; 0 where they are apart."""
    # coordinate by coordinate: arrays of the result's shape, in contiguous memory
    common = _common_side(xp, first, second, 0)
    common *= _common_side(xp, first, second, 1)
    union = areas(xp, first) + areas(xp, second)
    union -= common
    union += union <= 0  # boxes without an area: nothing is divided by 0
    common /= union
    return common


def overlap_all(xp: Any, first: Array, second: Array) -> Array:
    """The overlap of each box of first, (N, 4), with each of second, (M, 4); corners. Output: (N, M)."""
    rows, columns = len(first), len(second)
    if not blocks.is_large(xp, rows * columns):
        return overlap(xp, first[:, None], second)
    result, table = np.empty((rows, columns), first.dtype), second.T.copy().T  # each coordinate in one piece

    def compute(part: slice) -> None:
        result[part] = overlap(np, first[part, None], table)

    blocks.over_rows(rows, columns, compute)
    return result


def _common_side(xp: Any, first: Array, second: Array, axis: int) -> Array:
    """How long what two boxes share is along an axis; 0 where they are apart."""
    side = xp.minimum(first[..., axis + 2], second[..., axis + 2])
    side -= xp.maximum(first[..., axis], second[..., axis])
    return xp.maximum(side, 0, out=side)


def areas(xp: Any, boxes: Array) -> Array:
    """The area of each box given by its corners; 0 where a side is negative."""
    return xp.maximum(boxes[..., 2] - boxes[..., 0], 0) * xp.maximum(boxes[..., 3] - boxes[..., 1], 0)


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
    table = boxes.T + np.asarray([[0], [0], [1], [1]], boxes.dtype) if pixels else boxes.T.copy()
    candidates, kept = np.arange(len(boxes)), []
    while candidates.size:
        block, rest = candidates[:_BLOCK], candidates[_BLOCK:]
        chosen = block[_keep_in_block(_suppresses(table, threshold, classes, block, block))]
        kept.append(chosen)
        candidates = rest[~_suppresses(table, threshold, classes, chosen, rest).any(axis=0)]
    return np.concatenate(kept) if kept else candidates


_BLOCK = 128  # boxes whose overlaps are computed at once with all that remain


def _suppresses(
    table: np.ndarray, threshold: float, classes: np.ndarray | None, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Whether each of the boxes `first` makes each of the boxes `second` go: (len(first), len(second)).

    table: (4, K), the corners, each coordinate in one piece.
    """
    result = overlap(np, table[:, first].T[:, None], table[:, second].T) > threshold
    if classes is not None:
        result &= classes[first][:, None] == classes[second]
    return result


def _keep_in_block(suppresses: np.ndarray) -> list[int]:
    """Which boxes of a block stay, best first; suppresses: (B, B)."""
    # a row as the bits of one integer: a step is a few operations on integers
    packed = np.packbits(suppresses, axis=1, bitorder="little")
    bits, width = packed.tobytes(), packed.shape[1]
    masks = [int.from_bytes(bits[start : start + width], "little") for start in range(0, len(bits), width)]
    gone, kept = 0, []
    for place, mask in enumerate(masks):
        if not gone >> place & 1:
            kept.append(place)
            gone |= mask
    return kept
