"""Products of a csr matrix and a dense one.

SciPy's compiled loops compute them on the CPU where SciPy is installed; NumPy and CuPy alone give the same.
"""

from typing import Any

import numpy as np

from mxtrain.ops.kernels.precision import widen
from mxtrain.ops.kernels.scatter import add_at
from mxtrain.ops.kernels.sparse import compiled
from mxtrain.ops.kernels.sparse.checks import require_inside
from mxtrain.ops.kernels.sparse.conversion import row_of_each
from mxtrain.ops.kernels.sparse.places import row_pointers
from mxtrain.ops.sparse.containers import Csr, RowSparse

# elements of one batch of scaled rows: small enough to stay in the cache
_BATCH = 1 << 18
# below this many multiplications NumPy is done before SciPy has made its matrix
_FEWEST = 20_000
# up to so many columns per stored value, a table of all columns is faster than sorting those in use
_TABLE_PER_VALUE = 16


def multiply(xp: Any, matrix: Csr, dense: Any) -> Any:
    """matrix @ dense. dense: (columns, N), dtype of matrix. Returns (rows, N)."""
    wide = matrix.with_values(widen(xp, matrix.values))
    right = widen(xp, dense)
    if xp is np and len(wide.indices) * right.shape[1] >= _FEWEST and compiled.is_available():
        product = compiled.assemble(wide.values, wide.indices, wide.indptr, wide.shape) @ np.ascontiguousarray(right)
        return product.astype(dense.dtype, copy=False)
    require_inside(wide.indices, wide.indptr, wide.shape[1])
    if xp is np:
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


def multiply_transposed(xp: Any, matrix: Csr, dense: Any) -> RowSparse:
    """matrix.T @ dense, of which the rows are stored whose column has a value. dense: (rows, N)."""
    require_inside(matrix.indices, matrix.indptr, matrix.shape[1])
    shape = (matrix.shape[1], *dense.shape[1:])
    if matrix.shape[1] <= len(matrix.indices):  # most columns are used
        used = _mask_of_columns(xp, matrix)
        product = _product_of_transposed(xp, matrix, dense)
        if used.all():
            return RowSparse(product, xp.arange(shape[0], dtype=np.int64), shape)
        (rows,) = xp.nonzero(used)
        return RowSparse(product[rows], rows, shape)
    rows, compressed = _used_columns(xp, matrix)
    small = Csr(matrix.values, compressed, matrix.indptr, (matrix.shape[0], len(rows)))
    return RowSparse(_product_of_transposed(xp, small, dense), rows, shape)


def _product_of_transposed(xp: Any, matrix: Csr, dense: Any) -> Any:
    if xp is not np or len(matrix.indices) * dense.shape[1] < _FEWEST or not compiled.is_available():
        return multiply(xp, transposed(xp, matrix), dense)
    values = widen(xp, matrix.values)
    flipped = compiled.assemble(values, matrix.indices, matrix.indptr, matrix.shape[::-1], by_columns=True)
    product = flipped @ np.ascontiguousarray(widen(xp, dense))
    return product.astype(dense.dtype, copy=False)


def _mask_of_columns(xp: Any, matrix: Csr) -> Any:
    """Which columns have a value."""
    has_value = xp.zeros((matrix.shape[1],), np.bool_)
    has_value[matrix.indices] = True
    return has_value


def _used_columns(xp: Any, matrix: Csr) -> tuple[Any, Any]:
    """The columns that have a value, rising, and for each value the position of its column among them."""
    indices, columns = matrix.indices, matrix.shape[1]
    if columns > _TABLE_PER_VALUE * len(indices):
        used, position = xp.unique(indices, return_inverse=True)
        return used, position.reshape(-1)
    (used,) = xp.nonzero(_mask_of_columns(xp, matrix))
    position = xp.empty((columns,), np.int64)
    position[used] = xp.arange(len(used))
    return used, position[indices]


def multiply_row_sparse(xp: Any, matrix: Csr, rows: RowSparse) -> Any:
    """matrix @ rows, reading only the stored rows. Returns a dense array."""
    if len(rows.indices) == rows.shape[0]:
        return multiply(xp, matrix, rows.values)
    position = xp.searchsorted(rows.indices, matrix.indices)
    inside = position < len(rows.indices)
    found = xp.zeros((len(position),), np.bool_)
    found[inside] = rows.indices[position[inside]] == matrix.indices[inside]
    row = row_of_each(xp, matrix.indptr, len(matrix.indices))[found]
    shape = (matrix.shape[0], len(rows.indices))
    kept = Csr(matrix.values[found], position[found], row_pointers(xp, row, shape[0]), shape)
    return multiply(xp, kept, rows.values)
