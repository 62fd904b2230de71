"""One element of each row replaced."""

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator


@operator("fill_element_0index", cases=[Case(lhs=(2, 3), mhs=(2,), rhs=np.array([0.0, 2.0]), differentiable=False)])
class FillElement0Index:
    """lhs with lhs[i, rhs[i]] replaced by mhs[i].

    lhs: (N, C). mhs, rhs: (N,), same dtype; rhs holds whole numbers in [0, C). Output: as lhs. Source: MXNet 1.9.1.
    """

    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        matrix = shapes.unify(ins[0], outs[0])
        rows = shapes.unify(ins[1], ins[2])
        if matrix is None:
            return [None, rows, rows], [None]
        if len(matrix) != 2:
            raise ArgumentError(f"Expected: lhs of 2 axes. Received: shape {matrix}.")
        rows = shapes.unify(matrix[:1], rows)
        matrix = (*rows, matrix[1])
        return [matrix, rows, rows], [matrix]

    def forward(xp, lhs, mhs, rhs):
        if lhs.ndim != 2 or mhs.shape != lhs.shape[:1] or rhs.shape != mhs.shape:
            raise ArgumentError(f"Expected: (N, C), (N,), (N,). Received: {lhs.shape}, {mhs.shape}, {rhs.shape}.")
        types.unify_all([lhs.dtype, mhs.dtype, rhs.dtype])
        if not bool(((rhs >= 0) & (rhs < lhs.shape[1])).all()):
            raise ArgumentError(f"Expected: rhs of indices in [0, {lhs.shape[1]}). Received: others.")
        filled = lhs.copy()
        filled[xp.arange(lhs.shape[0]), rhs.astype(np.int64)] = mhs
        return filled
