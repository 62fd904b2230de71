"""`sparse.retain`: some rows of a row_sparse array."""

import numpy as np

from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.sparse.selection import require_rows, retain_rows
from mxtrain.ops.operator import Case, operator
from mxtrain.ops.storage import form

_CASE = Case(data=(4, 2), indices=np.array([0.0, 2.0]))


def _retained(xp, data, indices):
    """A dense array whose rows are zeros, but for those that indices name."""
    rows = indices.astype(np.int64)
    require_rows(rows, data.shape[0])
    result = xp.zeros_like(data)
    result[rows] = data[rows]
    return result


@operator("_sparse_retain", cases=[_CASE])
class SparseRetain:
    """The rows that `indices` names; all others are zeros.

    data: (N, ...), row_sparse or dense. indices: (M,), any dtype, numbers in [0, N). Output: the shape, dtype and
    storage of data; of a row_sparse array it stores exactly the rows named, in rising order.
    Source: MXNet 1.9.1's `sparse.retain`.
    """

    infer_shape = shapes.like_input(0)
    infer_type = types.like_input(0)
    storage = [form("row_sparse, default -> row_sparse", retain_rows)]

    def forward(xp, data, indices):
        return _retained(xp, data, indices)

    def gradient(F, gy, y, data, indices):
        return F._backward_sparse_retain(gy, indices), None


@operator("_backward_sparse_retain", cases=[_CASE])
class SparseRetainGradient:
    """The gradient of `sparse.retain` by data: the same rows, of an array of any storage. Output: row_sparse."""

    infer_shape = shapes.like_input(0)
    infer_type = types.like_input(0)
    storage = [
        form("default, default -> row_sparse", retain_rows),
        form("row_sparse, default -> row_sparse", retain_rows),
    ]

    def forward(xp, data, indices):
        return _retained(xp, data, indices)

    def gradient(F, gy, y, data, indices):
        return F._backward_sparse_retain(gy, indices), None
