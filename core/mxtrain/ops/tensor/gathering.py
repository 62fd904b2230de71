"""Elements at positions given by index vectors: gather_nd, scatter_nd."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, IndexRangeError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.positions import zeroed
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.parameters import Shape


def gathered_shape(data: tuple[int, ...], indices: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of `gather_nd`."""
    if not indices or not 0 < indices[0] <= len(data):
        raise ArgumentError(
            f"Expected: indices of shape (M, ...), 0 < M <= {len(data)} axes of data. Received: {indices}."
        )
    return (*indices[1:], *data[indices[0] :])


def position_key(xp: Any, indices: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The key that rows of indices make: one index per leading axis, negative ones from the end."""
    rows = indices.astype(np.int64)
    for row, size in zip(rows, shape, strict=False):
        if row.size and not (-size <= int(row.min()) and int(row.max()) < size):
            raise IndexRangeError(
                f"Expected: indices in [{-size}, {size}). Received: {int(row.min())}..{int(row.max())}."
            )
    return tuple(rows)


@operator(
    "gather_nd",
    cases=[
        Case(data=(3, 4), indices=np.array([[0, 2, 2], [1, 3, 3]])),
        Case(data=(3, 4), indices=np.array([[0, 2, 1]])),
    ],
)
class GatherNd:
    """The parts of data at positions given by index vectors: output[j] = data[indices[:, j]].

    data: any shape. indices: (M, ...), any dtype. Output: (..., the axes of data from M on), dtype of data.
    """

    def infer_shape(ins, outs, p):
        if ins[0] is None or ins[1] is None or ins[1][:1] == (-1,):
            return ins, outs
        return ins, [shapes.unify(gathered_shape(*ins), outs[0])]

    infer_type = types.like_input(0)

    def forward(xp, data, indices):
        gathered_shape(data.shape, indices.shape)
        return data[position_key(xp, indices, data.shape)]

    def gradient(F, gy, y, data, indices):
        return F._gather_nd_gradient(gy, indices, data), None


@operator("_gather_nd_gradient", cases=[Case(gy=(3,), indices=np.array([[0, 2, 2], [1, 3, 3]]), like=(3, 4))])
class GatherNdGradient:
    """The gradient of gather_nd by data: parts of gy added where they came from. Output: the shape of like."""

    def infer_shape(ins, outs, p):
        like = shapes.unify(ins[2], outs[0])
        return [*ins[:2], like], [like]

    infer_type = types.like_input(0)

    def forward(xp, gy, indices, like, *, out=None):
        result = zeroed(xp, like.shape, gy.dtype, out)
        xp.add.at(result, position_key(xp, indices, like.shape), gy)
        return result

    def gradient(F, gy, y, out_gradient, indices, like):
        return F.gather_nd(gy, indices), None, None


@operator(
    "scatter_nd",
    cases=[
        Case(data=(2,), indices=np.array([[0, 2], [1, 3]]), shape=(3, 4)),
        Case(data=(2, 4), indices=np.array([[0, 2]]), shape=(3, 4)),
    ],
)
class ScatterNd:
    """Zeros of `shape` with the parts of data at positions given by index vectors: output[indices[:, j]] = data[j].

    data: (..., the axes of the output from M on). indices: (M, ...), any dtype; of equal vectors the last counts.
    Output: shape `shape`, dtype of data.
    """

    infer_type = types.like_input(0)

    def infer_shape(ins, outs, p):
        if ins[1] is not None and ins[1][:1] != (-1,):
            ins = [shapes.unify(ins[0], gathered_shape(p.shape, ins[1])), ins[1]]
        return ins, [shapes.unify(p.shape, outs[0])]

    def forward(xp, data, indices, *, shape: Shape, out=None):
        shapes.unify(data.shape, gathered_shape(shape, indices.shape))
        result = zeroed(xp, shape, data.dtype, out)
        result[position_key(xp, indices, shape)] = data
        return result

    def gradient(F, gy, y, data, indices, *, shape):
        return F.gather_nd(gy, indices), None
