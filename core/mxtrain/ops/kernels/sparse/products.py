"""Products of a csr matrix and a dense one.

SciPy's compiled loops compute them on the CPU where SciPy is installed; NumPy and CuPy alone give the same.
"""

import functools
import importlib
import types
from typing import Any

import numpy as np

from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.kernels.scatter import add_at
from mxtrain.ops.kernels.sparse.conversion import row_of_each
from mxtrain.ops.kernels.sparse.places import row_pointers
from mxtrain.ops.sparse.containers import Csr, RowSparse

# elements of one batch of scaled rows: small enough to stay in the cache
_BATCH = 1 << 18
# up to so many columns per stored value, a table of all columns is faster than sorting those in use
_TABLE_PER_VALUE = 16


@functools.cache
def _scipy_sparse() -> types.ModuleType | None:
    try:
        return importlib.import_module("scipy.sparse")
    except ImportError:
        return None


def multiply(xp: Any, matrix: Csr, dense: Any, compiled: bool = True) -> Any:
    """matrix @ dense. dense: (columns, N), dtype of matrix. Returns (rows, N). compiled: SciPy may compute it."""
    wide = matrix.with_values(widen(xp, matrix.values))
    right = widen(xp, dense)
    library = _scipy_sparse() if compiled and xp is np else None
    if library is not None:
        parts = (wide.values, wide.indices, wide.indptr)
        product = library.csr_matrix(parts, shape=wide.shape, copy=False) @ np.ascontiguousarray(right)
    elif xp is np:
        product = _multiply_in_batches(wide, right)
    else:
        product = xp.zeros((wide.shape[0], right.shape[1]), right.dtype)
        rows = row_of_each(xp, wide.indptr, len(wide.indices))
        add_at(xp, product, rows, wide.values[:, None] * right[wide.indices])
    return product.astype(dense.dtype, copy=False)


def _multiply_in_batches(matrix: Csr, dense: np.ndarray) -> np.ndarray:
    """The product by NumPy: the rows of `dense` that a few rows of the matrix name, scaled and summed."""
    rows, indptr = matrix.shape[0], matrix.indptr
    product = np.zeros((rows, dense.shape[1]), dense.dtype)
    per_batch = max(1, _BATCH // max(1, dense.shape[1]))
    start = 0
    while start < rows:
        stop = max(start + 1, int(np.searchsorted(indptr, indptr[start] + per_batch, side="right")) - 1)
        low, high = int(indptr[start]), int(indptr[stop])
        scaled = dense[matrix.indices[low:high]]
        scaled *= matrix.values[low:high, None]
        bounds = indptr[start : stop + 1] - low
        (filled,) = np.nonzero(bounds[1:] > bounds[:-1])
        if len(filled):
            product[start + filled] = np.add.reduceat(scaled, bounds[:-1][filled], axis=0)
        start = stop
    return product


def transposed(xp: Any, matrix: Csr) -> Csr:
    """The transposed matrix, in compressed rows."""
    rows = row_of_each(xp, matrix.indptr, len(matrix.indices))
    order = np.argsort(matrix.indices, kind="stable") if xp is np else xp.lexsort(xp.stack((rows, matrix.indices)))
    columns = matrix.indices[order]
    return Csr(matrix.values[order], rows[order], row_pointers(xp, columns, matrix.shape[1]), matrix.shape[::-1])


def multiply_transposed(xp: Any, matrix: Csr, dense: Any, compiled: bool = True) -> RowSparse:
    """matrix.T @ dense, of which the rows are stored whose column has a value. dense: (rows, N)."""
    used, compressed = _used_columns(xp, matrix)
    small = Csr(matrix.values, compressed, matrix.indptr, (matrix.shape[0], len(used)))
    library = _scipy_sparse() if compiled and xp is np else None
    shape = (matrix.shape[1], *dense.shape[1:])
    if library is None:
        return RowSparse(multiply(xp, transposed(xp, small), dense, compiled=False), used, shape)
    values = widen(xp, small.values)
    flipped = library.csc_matrix((values, compressed, matrix.indptr), shape=small.shape[::-1], copy=False)
    product = flipped @ np.ascontiguousarray(widen(xp, dense))
    return RowSparse(product.astype(dense.dtype, copy=False), used, shape)


def _used_columns(xp: Any, matrix: Csr) -> tuple[Any, Any]:
    """The columns that have a value, rising, and for each value the position of its column among them."""
    indices, columns = matrix.indices, matrix.shape[1]
    if columns > _TABLE_PER_VALUE * len(indices):
        used, position = xp.unique(indices, return_inverse=True)
        return used, position.reshape(-1)
    has_value = xp.zeros((columns,), np.bool_)
    has_value[indices] = True
    (used,) = xp.nonzero(has_value)
    position = xp.empty((columns,), np.int64)
    position[used] = xp.arange(len(used))
    return used, position[indices]


def multiply_row_sparse(xp: Any, matrix: Csr, rows: RowSparse) -> Any:
    """matrix @ rows, reading only the stored rows. Returns a dense array."""
    position = xp.searchsorted(rows.indices, matrix.indices)
    inside = position < len(rows.indices)
    found = xp.zeros((len(position),), np.bool_)
    found[inside] = rows.indices[position[inside]] == matrix.indices[inside]
    row = row_of_each(xp, matrix.indptr, len(matrix.indices))[found]
    shape = (matrix.shape[0], len(rows.indices))
    kept = Csr(matrix.values[found], position[found], row_pointers(xp, row, shape[0]), shape)
    return multiply(xp, kept, rows.values)
