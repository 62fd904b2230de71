"""Sums over sparse containers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.kernels.scatter import add_at
from mxtrain.ops.kernels.sparse.checks import require_inside
from mxtrain.ops.kernels.sparse.conversion import row_of_each
from mxtrain.ops.sparse.containers import Csr, RowSparse


def sum_of_row_sparse(xp: Any, *arrays: RowSparse) -> RowSparse:
    """The sum of one or more arrays, each row from the first to the last array."""
    first = arrays[0]
    if any(other.shape != first.shape or other.dtype != first.dtype for other in arrays):
        received = [(other.shape, other.dtype.name) for other in arrays]
        raise ArgumentError(f"Expected: arrays of one shape and dtype. Received: {received}.")
    together = xp.concatenate([array.indices for array in arrays])
    rows, position = xp.unique(together, return_inverse=True)
    total = xp.zeros((len(rows), *first.shape[1:]), first.dtype)
    start = 0
    for array in arrays:  # the rows of one array are distinct
        total[position[start : start + len(array.indices)]] += array.values
        start += len(array.indices)
    return RowSparse(total, rows, first.shape)


def sum_of_csr(xp: Any, matrix: Csr, axes: Sequence[int]) -> Any:
    """Sums over the given axes, (0,), (1,) or (0, 1), of a matrix; dense, without these axes, in its dtype."""
    require_inside(matrix.indices, matrix.indptr, matrix.shape[1])
    values = widen(xp, matrix.values)
    if tuple(axes) == (0, 1):
        return values.sum(keepdims=True).astype(matrix.dtype)
    kept = 1 if tuple(axes) == (0,) else 0
    where = matrix.indices if kept else row_of_each(xp, matrix.indptr, len(values))
    if xp is np and values.dtype.kind == "f":
        total = np.bincount(where, values, matrix.shape[kept])
    else:
        total = xp.zeros((matrix.shape[kept],), values.dtype)
        add_at(xp, total, where, values)
    return total.astype(matrix.dtype)
