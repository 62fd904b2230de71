"""Indexing and the remaining methods of sparse arrays; importing this module installs them."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, IndexRangeError, MXNetError, NotSupportedForSparseNDArray
from mxtrain.context import Context
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import as_numbers
from mxtrain.ndarray.operators import functions
from mxtrain.ndarray.sparse.creation import asscipy
from mxtrain.ndarray.sparse_array import BaseSparseNDArray, CSRNDArray, RowSparseNDArray, value_of
from mxtrain.ops.kernels.sparse.format import check_format
from mxtrain.ops.sparse.containers import RowSparse


def get_rows(self: CSRNDArray, key: Any) -> NDArray:
    """The rows that an integer (one row, as a matrix) or a slice with step 1 selects; the array itself for [:].

    Raises ArgumentError for anything else: a csr matrix is indexed by rows only.
    """
    if isinstance(key, (int, np.integer)):
        begin = int(key)
        if not -self.shape[0] <= begin < self.shape[0]:
            raise IndexRangeError(f"Expected: a row in [{-self.shape[0]}, {self.shape[0]}). Received: {begin}.")
        return functions.slice(self, begin=(begin,), end=(begin + 1 or None,))
    if isinstance(key, slice) and key.step in (None, 1):
        if key.start is None and key.stop is None:
            return self
        return functions.slice(self, begin=(key.start,), end=(key.stop,))
    raise ArgumentError(f"Expected: an integer or a slice of rows with step 1 on a csr matrix. Received: {key!r}.")


def get_all(self: RowSparseNDArray, key: Any) -> NDArray:
    """The array itself for [:]. Raises ArgumentError for anything else, as in MXNet."""
    if isinstance(key, slice) and key == slice(None):
        return self
    raise ArgumentError(f"Expected: [:] on a row_sparse array. Received: {key!r}. Choose rows with retain.")


def set_all(self: BaseSparseNDArray, key: Any, value: Any) -> None:
    """`a[:] = value`: an array of the same shape, of any storage; for row_sparse a number, too, which fills it."""
    if not (isinstance(key, slice) and key == slice(None)):
        raise ArgumentError(f"Expected: [:] = value on a {self.stype} array. Received: [{key!r}].")
    if recording.mode.recording and self._entry is not None:
        raise MXNetError(f"Expected: no assignment to a recorded array. {recording.IN_PLACE_REFUSED}")
    if isinstance(value, NDArray):
        if value is not self:
            value.copyto(self)
    elif isinstance(value, (int, float, np.number, np.bool_)):
        _fill(self, value)
    else:
        self.write(as_numbers(value).astype(self.dtype), Context("cpu", 0))


def _fill(array: BaseSparseNDArray, number: Any) -> None:
    if not isinstance(array, RowSparseNDArray):
        raise ArgumentError(f"Expected: an array to assign to a csr matrix. Received: the number {number!r}.")
    ctx = array.context
    with ctx.backend.active():
        rows = ctx.xp.arange(array.shape[0], dtype=np.int64)
        array.storage.take(RowSparse(ctx.xp.full(array.shape, number, array.dtype), rows, array.shape))


def check(self: BaseSparseNDArray, full_check: bool = True) -> None:
    """Raise MXNetError where indices are out of range, out of order or do not fit the values.

    full_check: look at every index, not only at the sizes of the arrays.
    """
    with self.context.backend.active():
        check_format(self.context.xp, value_of(self), full_check)


def retain(self: RowSparseNDArray, indices: NDArray) -> NDArray:
    """The array with only the rows that `indices` names; see `mx.nd.sparse.retain`."""
    kept: NDArray = functions._sparse_retain(self, indices)
    return kept


def _refuse(name: str) -> Any:
    def method(self: BaseSparseNDArray, *args: Any, **kwargs: Any) -> Any:
        raise NotSupportedForSparseNDArray(getattr(NDArray, name, method), None, self)

    method.__name__ = name
    method.__doc__ = "Not supported for sparse arrays."
    return method


def _install() -> None:
    setattr(CSRNDArray, "__getitem__", get_rows)
    setattr(RowSparseNDArray, "__getitem__", get_all)
    setattr(BaseSparseNDArray, "__setitem__", set_all)
    setattr(BaseSparseNDArray, "check_format", check)
    setattr(RowSparseNDArray, "retain", retain)
    setattr(CSRNDArray, "asscipy", asscipy)
    for name in ("reshape", "_slice", "_at"):
        setattr(BaseSparseNDArray, name, _refuse(name))


_install()
