"""From one storage type to another, on backend arrays and containers."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.sparse.containers import CSR, DENSE, STORAGE_TYPES, Csr, RowSparse, storage_of


def convert(xp: Any, value: Any, stype: str) -> Any:
    """A backend array or container in a storage type; itself where it has that type already.

    Raises ArgumentError for an unknown type, and for csr of an array that is no matrix.
    """
    if stype not in STORAGE_TYPES:
        raise ArgumentError(f"Expected: a storage type of {list(STORAGE_TYPES)}. Received: {stype!r}.")
    if storage_of(value) == stype:
        return value
    if stype == DENSE:
        return to_dense(xp, value)
    if stype == CSR:
        return to_csr(xp, to_dense(xp, value) if isinstance(value, RowSparse) else value)
    return csr_to_row_sparse(xp, value) if isinstance(value, Csr) else to_row_sparse(xp, value)


def row_of_each(xp: Any, indptr: Any, count: int) -> Any:
    """The row of each of the `count` values of a matrix in compressed rows; int64, (count,)."""
    if xp is np:
        return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return xp.searchsorted(indptr, xp.arange(count), side="right") - 1  # CuPy's repeat takes no array


def to_dense(xp: Any, value: Any) -> Any:
    """A new dense array with the values of a container; a backend array as it is."""
    if not isinstance(value, (RowSparse, Csr)):
        return value
    dense = xp.zeros(value.shape, value.dtype)
    if isinstance(value, RowSparse):
        dense[value.indices] = value.values
    else:
        dense[row_of_each(xp, value.indptr, len(value.values)), value.indices] = value.values
    return dense


def to_row_sparse(xp: Any, dense: Any) -> RowSparse:
    """The rows of a dense array that have an element other than 0."""
    if dense.ndim == 0:
        raise ArgumentError("Expected: an array of one axis or more for row_sparse. Received: shape ().")
    (rows,) = xp.nonzero((dense != 0).any(axis=tuple(range(1, dense.ndim))))
    return RowSparse(dense[rows], rows.astype(np.int64, copy=False), dense.shape)


def to_csr(xp: Any, dense: Any) -> Csr:
    """The elements of a dense matrix other than 0. Raises ArgumentError for an array of other than 2 axes."""
    if dense.ndim != 2:
        raise ArgumentError(f"Expected: a matrix for csr. Received: shape {tuple(dense.shape)}.")
    stored = dense != 0
    columns = xp.broadcast_to(xp.arange(dense.shape[1], dtype=np.int64), dense.shape)[stored]
    indptr = xp.zeros((dense.shape[0] + 1,), np.int64)
    xp.cumsum(stored.sum(axis=1), out=indptr[1:])
    return Csr(dense[stored], columns, indptr, dense.shape)


def csr_to_row_sparse(xp: Any, matrix: Csr) -> RowSparse:
    """The rows of a matrix in compressed rows that store something."""
    (rows,) = xp.nonzero(xp.diff(matrix.indptr))
    position = xp.cumsum(xp.diff(matrix.indptr) > 0) - 1
    values = xp.zeros((len(rows), matrix.shape[1]), matrix.dtype)
    owner = row_of_each(xp, matrix.indptr, len(matrix.values))
    values[position[owner], matrix.indices] = matrix.values
    return RowSparse(values, rows.astype(np.int64, copy=False), matrix.shape)
