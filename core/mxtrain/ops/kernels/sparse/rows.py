"""Rows of row_sparse arrays by their numbers: looking them up, and summing values up into them."""

from typing import Any

import numpy as np

from mxtrain.base import IndexRangeError
from mxtrain.ops.sparse.containers import RowSparse


def require_rows(xp: Any, rows: Any, count: int) -> None:
    """Raise IndexRangeError unless all numbers of rows are from 0 to count - 1."""
    if rows.size and (int(rows.min()) < 0 or int(rows.max()) >= count):
        raise IndexRangeError(
            f"Expected: numbers of rows from 0 to {count - 1}. Received: {int(rows.min())} to {int(rows.max())}."
        )


def rows_at(xp: Any, table: RowSparse, rows: Any) -> Any:
    """The rows with the given numbers, as a dense array of shape (*rows.shape, *table.shape[1:]).

    rows: int64, any shape. Raises IndexRangeError for numbers outside of the table.
    """
    require_rows(xp, rows, table.shape[0])
    if len(table.indices) == table.shape[0]:
        return xp.take(table.values, rows, axis=0)
    if len(table.indices) == 0:
        return xp.zeros((*rows.shape, *table.shape[1:]), table.dtype)
    position = xp.minimum(xp.searchsorted(table.indices, rows), len(table.indices) - 1)
    found = xp.take(table.values, position, axis=0)
    found[table.indices[position] != rows] = 0
    return found


def sum_into_rows(xp: Any, values: Any, rows: Any, shape: tuple[int, ...]) -> RowSparse:
    """The array of a shape in which values[i] were added to row rows[i], in the order of i.

    values: (M, *shape[1:]). rows: (M,) int64. Raises IndexRangeError for numbers outside of the shape.
    """
    require_rows(xp, rows, shape[0])
    if xp is not np:
        stored, position = xp.unique(rows, return_inverse=True)
        total = xp.zeros((len(stored), *shape[1:]), values.dtype)
        xp.add.at(total, position, values)
        return RowSparse(total, stored, shape)
    if not len(rows):
        return RowSparse(np.zeros((0, *shape[1:]), values.dtype), rows, shape)
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    total = values[order]
    if len(starts) < len(rows):
        total = np.add.reduceat(total, starts, axis=0)
    return RowSparse(total, ordered[starts], shape)
