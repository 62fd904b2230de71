"""Random sparse arrays, from NumPy's global generator, which tests seed."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.sparse import CSRNDArray, csr_matrix, row_sparse_array

__all__ = ["create_sparse_array", "create_sparse_array_zd", "rand_sparse_ndarray", "shuffle_csr_column_indices"]

Modifier = Callable[[Any], Any] | None


def rand_sparse_ndarray(
    shape: Sequence[int],
    stype: str,
    density: float | None = None,
    dtype: Any = None,
    distribution: str | None = None,
    data_init: float | None = None,
    rsp_indices: Sequence[int] | None = None,
    modifier_func: Modifier = None,
    shuffle_csr_indices: bool = False,
    ctx: Context | None = None,
) -> tuple[NDArray, tuple[Any, ...]]:
    """A sparse array of random numbers from 0 to 1, and its parts.

    The parts are (values, numbers of the rows) of a row_sparse array, (indptr, indices, values) of a csr one. density:
    the share of rows, or of elements, that is stored; random by default. distribution: "uniform", or for csr also
    "powerlaw": each row stores twice as much as the one before. data_init: a number for all stored elements.
    rsp_indices: the rows to store. modifier_func: applied to every stored element. shuffle_csr_indices: columns in no
    order within their rows. Raises ArgumentError for a stype, density or distribution that does not exist.
    """
    density = np.random.rand() if density is None else density
    dtype = np.float32 if dtype is None else dtype
    if not 0 <= density <= 1:
        raise ArgumentError(f"Expected: a density from 0 to 1. Received: {density}.")
    if stype == "row_sparse":
        _require_distribution(distribution, ("uniform",))
        values, rows = _random_rows(shape, density, rsp_indices)
        values = _finished(values, data_init, modifier_func, dtype)
        return row_sparse_array((values, rows), shape=tuple(shape), ctx=ctx, dtype=dtype), (values, rows)
    if stype != "csr":
        raise ArgumentError(f"Expected: the storage type row_sparse or csr. Received: {stype!r}.")
    _require_distribution(distribution, ("uniform", "powerlaw"))
    stored = _powerlaw(shape, density) if distribution == "powerlaw" else _scattered(shape, density)
    rows, columns = np.nonzero(stored)
    values = _finished(np.random.rand(len(rows)), data_init, modifier_func, dtype)
    indptr = np.concatenate(([0], np.cumsum(stored.sum(axis=1))))
    matrix = csr_matrix((values, columns, indptr), shape=tuple(shape), ctx=ctx, dtype=dtype)
    if shuffle_csr_indices:
        shuffle_csr_column_indices(matrix)
    return matrix, (matrix.indptr, matrix.indices, matrix.data)


def _require_distribution(distribution: str | None, known: Sequence[str]) -> None:
    if distribution not in (None, *known):
        raise ArgumentError(f"Expected: a distribution of {list(known)}. Received: {distribution!r}.")


def _random_rows(shape: Sequence[int], density: float, chosen: Sequence[int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Random values of some rows, and the rows' numbers."""
    if chosen is None:
        rows = np.flatnonzero(np.random.rand(shape[0]) < density)
    else:
        rows = np.sort(np.asarray(chosen, np.int64))
    return np.random.rand(len(rows), *shape[1:]), rows


def _scattered(shape: Sequence[int], density: float) -> np.ndarray:
    """Which elements of a matrix are stored, anywhere."""
    count = shape[0] * shape[1]
    stored = np.zeros(count, bool)
    stored[np.random.permutation(count)[: int(density * count)]] = True
    return stored.reshape(tuple(shape))


def _powerlaw(shape: Sequence[int], density: float) -> np.ndarray:
    """Which elements are stored: one in each row, then 2, 4, 8, ... in all until there are enough."""
    num_rows, num_columns = shape
    count = int(num_rows * num_columns * density)
    if count < 2 * num_rows:
        raise ArgumentError(
            f"Expected: a density of at least 2 / {num_columns} for shape {tuple(shape)} and a power law, two elements "
            f"per row. Received: {density}."
        )
    stored = np.zeros(tuple(shape), bool)
    stored[:, 0] = True
    left = count - num_rows
    for row in range(num_rows):
        more = min(2 ** (row + 1), num_columns) - 1
        stored[row, 1 : 1 + min(more, left)] = True
        left -= min(more, left)
    return stored


def _finished(values: np.ndarray, data_init: float | None, modifier_func: Modifier, dtype: Any) -> np.ndarray:
    """Stored values as they were asked for."""
    if data_init is not None:
        values = np.full(values.shape, data_init)
    if modifier_func is not None and values.size:
        values = np.vectorize(modifier_func, otypes=[np.float64])(values)
    return values.astype(dtype)


def shuffle_csr_column_indices(csr: CSRNDArray) -> None:
    """Put the columns of each row of a csr matrix into a random order; their values stay in the old one."""
    container = csr.storage
    indices = container.indices.copy()
    for start, stop in itertools.pairwise(container.indptr):
        np.random.shuffle(indices[start:stop])
    container.take(container.rebuild(container.values, (container.indptr, indices)))


def create_sparse_array(
    shape: Sequence[int],
    stype: str,
    data_init: float | None = None,
    rsp_indices: Sequence[int] | None = None,
    dtype: Any = None,
    modifier_func: Modifier = None,
    density: float = 0.5,
    shuffle_csr_indices: bool = False,
) -> NDArray:
    """A sparse array of random numbers; arguments as in `rand_sparse_ndarray`."""
    array, _ = rand_sparse_ndarray(
        shape,
        stype,
        density,
        dtype,
        data_init=data_init,
        rsp_indices=rsp_indices,
        modifier_func=modifier_func,
        shuffle_csr_indices=shuffle_csr_indices,
    )
    return array


def create_sparse_array_zd(
    shape: Sequence[int],
    stype: str,
    density: float,
    data_init: float | None = None,
    rsp_indices: Sequence[int] | None = None,
    dtype: Any = None,
    modifier_func: Modifier = None,
    shuffle_csr_indices: bool = False,
) -> NDArray:
    """As `create_sparse_array`, but of a row_sparse array only the rows in rsp_indices are stored."""
    if stype == "row_sparse":
        density = 0.0
    return create_sparse_array(shape, stype, data_init, rsp_indices, dtype, modifier_func, density, shuffle_csr_indices)
