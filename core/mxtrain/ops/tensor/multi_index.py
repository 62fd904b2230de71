"""Positions in a flattened array from index vectors, and back."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.operator import ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import Shape


def _strides(shape):
    """How many elements one step along each axis passes; the first size, which may be -1, does not matter."""
    if not shape or any(size < 1 for size in shape[1:]):
        raise ArgumentError(f"Expected: a shape of sizes >= 1, of which the first may be -1. Received: {shape}.")
    steps = [1]
    for size in reversed(shape[1:]):
        steps.append(steps[-1] * size)
    return steps[::-1]


@operator(
    "_ravel_multi_index",
    "ravel_multi_index",
    cases=[Case(data=np.array([[0, 1], [2, 1]]), shape=(2, 3)), Case(data=np.array([[0], [2]]), shape=(-1, 3))],
)
class RavelMultiIndex:
    """Positions in a flattened array. data: (M, ...), one index vector per column. shape: M sizes of the array.

    Output: the shape of data without its first axis, dtype of data.
    """

    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        _strides(p.shape)
        if ins[0] is None:
            return ins, outs
        shapes.unify(ins[0][:1], (len(p.shape),))
        return [(len(p.shape), *ins[0][1:])], [shapes.unify(ins[0][1:] or (1,), outs[0])]

    def forward(xp, data, *, shape: Shape):
        steps = _strides(shape)
        shapes.unify(data.shape[:1], (len(shape),))
        total = sum(row * data.dtype.type(step) for row, step in zip(data, steps, strict=True))
        return xp.asarray(total, dtype=data.dtype).reshape(data.shape[1:] or (1,))


@operator(
    "_unravel_index",
    "unravel_index",
    cases=[Case(data=np.array([2, 4]), shape=(2, 3)), Case(data=np.array([[2, 4]]), shape=(-1, 3))],
)
class UnravelIndex:
    """Index vectors of positions in a flattened array. data: any shape. shape: the sizes of the array.

    Output: (len(shape), the axes of data), dtype of data.
    """

    gradient = ZERO_GRADIENT

    def infer_shape(ins, outs, p):
        _strides(p.shape)
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify((len(p.shape), *ins[0]), outs[0])]

    def forward(xp, data, *, shape: Shape):
        rest = data.astype(np.int64)
        rows = []
        for step in _strides(shape):
            rows.append(rest // step)
            rest = rest % step
        return xp.stack(rows).astype(data.dtype)
