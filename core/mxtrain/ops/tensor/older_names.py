"""Operators behind functions of MXNet's NDArray: `_onehot_encode`, `_scatter_set_nd`."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Shape
from mxtrain.ops.tensor.gathering import gathered_shape, position_key


@operator("_onehot_encode", cases=[Case(lhs=np.array([1, 0]), rhs=(2, 3))])
class OnehotEncode:
    """Rows that are 1 at an index and 0 elsewhere.

    lhs: (N,), indices, any dtype. rhs: (N, depth), of which only the shape and dtype matter. Output: as rhs.
    """

    infer_type = types.like_input(1)
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        rhs = shapes.unify(ins[1], outs[0])
        if rhs is not None and len(rhs) != 2:
            raise ArgumentError(f"Expected: rhs of (N, depth). Received: rhs.shape={rhs}.")
        return [shapes.unify(ins[0], None if rhs is None else rhs[:1]), rhs], [rhs]

    def forward(xp, lhs, rhs):
        if rhs.ndim != 2 or lhs.shape != rhs.shape[:1]:
            raise ArgumentError(f"Expected: lhs of (N,) and rhs of (N, depth). Received: {lhs.shape}, {rhs.shape}.")
        columns = xp.arange(rhs.shape[1])
        return (lhs.astype(np.int64)[:, None] == columns).astype(rhs.dtype)


@operator("_scatter_set_nd", cases=[Case(lhs=(3, 4), rhs=(2,), indices=np.array([[0, 2], [1, 3]]), shape=(3, 4))])
class ScatterSetNd:
    """lhs with parts replaced at positions given by index vectors: output[indices[:, j]] = rhs[j].

    lhs: `shape`. rhs: (..., the axes of lhs from M on). indices: (M, ...), any dtype; of equal vectors the last counts.
    Output: as lhs; MXNet 1.9.1, where this is what assignment by index arrays calls, writes into lhs only.
    """

    infer_type = types.like_input(0)
    inplace = (0,)
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        lhs = shapes.unify_all([ins[0], outs[0], p.shape])
        rhs = ins[1]
        if ins[2] is not None and ins[2][:1] != (-1,):
            rhs = shapes.unify(rhs, gathered_shape(p.shape, ins[2]))
        return [lhs, rhs, ins[2]], [lhs]

    def forward(xp, lhs, rhs, indices, *, shape: Shape, out=None):
        shapes.unify(lhs.shape, tuple(shape))
        shapes.unify(rhs.shape, gathered_shape(lhs.shape, indices.shape))
        key = position_key(xp, indices, lhs.shape)
        result = lhs.copy() if out is None else out
        if out is not None and out is not lhs:
            out[...] = lhs
        result[key] = rhs
        return result
