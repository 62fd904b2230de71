"""Small steps of shape inference on partial shapes, whose unknown sizes are -1."""

from collections.abc import Sequence

from mxtrain.ops.shapes import PartialShape


def sizes_product(sizes: Sequence[int]) -> int:
    """The product of sizes; -1 where one of them is unknown."""
    result = 1
    for size in sizes:
        if size == -1:
            return -1
        result *= size
    return result


def size_at(shape: PartialShape, axis: int) -> int:
    """One size of a shape; -1 where nothing is known of it."""
    return -1 if shape is None else shape[axis]
