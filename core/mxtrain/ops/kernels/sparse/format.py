"""Whether the arrays of a sparse container fit together, and how loose coordinates become one."""

from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.ops.kernels.sparse.places import row_pointers
from mxtrain.ops.sparse.containers import Csr, RowSparse


def check_format(xp: Any, container: Any, full: bool = True) -> None:
    """Raise MXNetError naming what is wrong with a container. full: look at every index, not only at the sizes."""
    problem = (_wrong_rows if isinstance(container, RowSparse) else _wrong_matrix)(xp, container, full)
    if problem:
        raise MXNetError(f"Expected: a {container.stype} array of shape {container.shape} with {problem}.")


def _wrong_rows(xp: Any, container: RowSparse, full: bool) -> str:
    indices, values = container.indices, container.values
    if values.shape != (len(indices), *container.shape[1:]):
        return f"one row of values per index. Received: values {values.shape} for {len(indices)} indices"
    if not full or not len(indices):
        return ""
    if not bool((indices[1:] > indices[:-1]).all()):
        return f"rising row indices. Received: {_excerpt(indices)}"
    if int(indices[0]) < 0 or int(indices[-1]) >= container.shape[0]:
        return f"row indices in [0, {container.shape[0]}). Received: {_excerpt(indices)}"
    return ""


def _wrong_matrix(xp: Any, matrix: Csr, full: bool) -> str:
    indptr, indices = matrix.indptr, matrix.indices
    rows, columns = matrix.shape
    if indptr.shape != (rows + 1,):
        return f"indptr of {rows + 1} elements. Received: {indptr.shape}"
    if matrix.values.shape != indices.shape or indices.ndim != 1:
        return f"one column index per value. Received: {matrix.values.shape} values, {indices.shape} indices"
    if int(indptr[0]) != 0 or int(indptr[-1]) != len(indices):
        return f"indptr from 0 to the number of values, {len(indices)}. Received: {_excerpt(indptr)}"
    if not full:
        return ""
    if not bool((indptr[1:] >= indptr[:-1]).all()):
        return f"an indptr that does not fall. Received: {_excerpt(indptr)}"
    if len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= columns):
        return f"column indices in [0, {columns}). Received: {_excerpt(indices)}"
    rising = xp.ones((len(indices) + 1,), np.bool_)
    rising[1:-1] = indices[1:] > indices[:-1]
    rising[indptr] = True  # a row may begin with any column
    if not bool(rising.all()):
        return f"rising column indices in each row. Received: {_excerpt(indices)}"
    return ""


def _excerpt(array: Any) -> str:
    return f"{array[:20].tolist()}{', ...' if len(array) > 20 else ''}"


def csr_from_coordinates(xp: Any, values: Any, rows: Any, columns: Any, shape: tuple[int, ...]) -> Csr:
    """The matrix with values at (row, column); values that meet at one place are added."""
    places, position = xp.unique(rows * shape[1] + columns, return_inverse=True)
    summed = xp.zeros((len(places),), values.dtype)
    xp.add.at(summed, position.reshape(-1), values)
    row = places // max(shape[1], 1)
    return Csr(summed, places - row * shape[1], row_pointers(xp, row, shape[0]), shape)
