"""Parts of sparse containers: rows, boxes, and matrices one below the other."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, IndexRangeError
from mxtrain.ops.kernels.sparse import compiled
from mxtrain.ops.kernels.sparse.conversion import row_of_each
from mxtrain.ops.kernels.sparse.places import row_pointers
from mxtrain.ops.sparse.containers import Csr, RowSparse


def require_rows(rows: Any, count: int) -> None:
    """Raise IndexRangeError for row numbers outside [0, count)."""
    if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= count):
        raise IndexRangeError(f"Expected: row numbers in [0, {count}). Received: {int(rows.min())}..{int(rows.max())}.")


def retain_rows(xp: Any, data: Any, rows: Any) -> RowSparse:
    """The rows of a row_sparse or dense array that `rows` names, in rising order, stored whether or not they are 0."""
    wanted = rows.astype(np.int64)
    if not bool((wanted[1:] > wanted[:-1]).all()):
        wanted = xp.unique(wanted)
    require_rows(wanted, data.shape[0])
    if not isinstance(data, RowSparse):
        return RowSparse(data[wanted], wanted, tuple(data.shape))
    values = xp.zeros((len(wanted), *data.shape[1:]), data.dtype)
    position = xp.searchsorted(data.indices, wanted)
    position[position == len(data.indices)] = 0
    if len(data.indices):
        found = data.indices[position] == wanted
        if bool(found.all()):
            return RowSparse(xp.take(data.values, position, axis=0), wanted, data.shape)
        values[found] = data.values[position[found]]
    return RowSparse(values, wanted, data.shape)


def slice_rows(xp: Any, matrix: Csr, begin: int, end: int) -> Csr:
    """The rows from begin to end (excluded) of a matrix."""
    low, high = int(matrix.indptr[begin]), int(matrix.indptr[end])
    pointers = matrix.indptr[begin : end + 1] - low
    return Csr(
        matrix.values[low:high].copy(), matrix.indices[low:high].copy(), pointers, (end - begin, matrix.shape[1])
    )


def slice_columns(xp: Any, matrix: Csr, begin: int, end: int) -> Csr:
    """The columns from begin to end (excluded) of a matrix."""
    inside = (matrix.indices >= begin) & (matrix.indices < end)
    rows = row_of_each(xp, matrix.indptr, len(matrix.indices))[inside]
    pointers = row_pointers(xp, rows, matrix.shape[0])
    return Csr(matrix.values[inside], matrix.indices[inside] - begin, pointers, (matrix.shape[0], end - begin))


def take_rows(xp: Any, matrix: Csr, rows: Any) -> Csr:
    """The matrix made of the given rows, int64, in [0, rows of matrix), in their order; a row may come again."""
    if len(rows) and int(rows[-1]) - int(rows[0]) == len(rows) - 1 and bool((rows[1:] == rows[:-1] + 1).all()):
        return slice_rows(xp, matrix, int(rows[0]), int(rows[-1]) + 1)
    chosen = compiled.choose_rows(matrix, rows) if xp is np else None
    if chosen is not None:
        return chosen
    lengths = matrix.indptr[rows + 1] - matrix.indptr[rows]
    pointers = xp.zeros((len(rows) + 1,), np.int64)
    xp.cumsum(lengths, out=pointers[1:])
    total = int(pointers[-1])
    # where each value stood: the start of its row there, plus its place in the row
    shift = matrix.indptr[rows] - pointers[:-1]
    source = np.repeat(shift, lengths) if xp is np else shift[row_of_each(xp, pointers, total)]
    source = source + xp.arange(total)
    shape = (len(rows), matrix.shape[1])
    return Csr(xp.take(matrix.values, source), xp.take(matrix.indices, source), pointers, shape)


def stack_rows(xp: Any, *matrices: Csr) -> Csr:
    """Matrices one below the other."""
    columns = matrices[0].shape[1]
    if any(matrix.shape[1] != columns or matrix.dtype != matrices[0].dtype for matrix in matrices):
        received = [(matrix.shape, matrix.dtype.name) for matrix in matrices]
        raise ArgumentError(f"Expected: matrices of one width and dtype. Received: {received}.")
    pointers, start = [matrices[0].indptr[:1]], 0
    for matrix in matrices:
        pointers.append(matrix.indptr[1:] + start)
        start += len(matrix.indices)
    return Csr(
        xp.concatenate([matrix.values for matrix in matrices]),
        xp.concatenate([matrix.indices for matrix in matrices]),
        xp.concatenate(pointers),
        (sum(matrix.shape[0] for matrix in matrices), columns),
    )
