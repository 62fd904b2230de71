"""`MXDataIter`: what the iterators over files have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.context import current_context
from mxtrain.dtypes import as_dtype
from mxtrain.io.data_iter import DataIter
from mxtrain.io.description import DataBatch, DataDesc
from mxtrain.ndarray import NDArray, array
from mxtrain.ndarray.sparse_array import wrap_value
from mxtrain.ops.kernels.sparse.selection import take_rows
from mxtrain.ops.sparse.containers import Csr


class MXDataIter(DataIter):
    """Batches of the rows of a data array and a label array that were read from files.

    data, label: arrays or csr containers of equally many rows. round_batch: the last batch takes what it lacks from the
    start, and the next epoch goes on behind that; else the last batch is filled up by rows that do not count, or left
    out where drop_last. dtype: of the batches' data.
    Source: what the iterators that MXNet 1.9.1 calls MXDataIter do.
    """

    def __init__(
        self,
        data: np.ndarray | Csr,
        label: np.ndarray | Csr,
        batch_size: int,
        *,
        dtype: Any = None,
        round_batch: bool = False,
        drop_last: bool = False,
        data_name: str = "data",
        label_name: str = "softmax_label",
    ) -> None:
        super().__init__(int(batch_size))
        if self.batch_size < 1:
            raise ArgumentError(f"{type(self).__name__}: expected batch_size >= 1. Received: {batch_size}.")
        if data.shape[0] != label.shape[0]:
            raise ArgumentError(
                f"{type(self).__name__}: expected as many labels as examples, {data.shape[0]}. "
                f"Received: {label.shape[0]}."
            )
        self._data, self._label = data, label
        self._dtype = as_dtype(data.dtype if dtype is None else dtype)
        self._round_batch, self._drop_last = round_batch, drop_last
        self._names = (data_name, label_name)
        self._cursor = -self.batch_size

    @property
    def provide_data(self) -> list[DataDesc]:
        """The description of the data."""
        return [DataDesc(self._names[0], (self.batch_size, *self._data.shape[1:]), self._dtype.type)]

    @property
    def provide_label(self) -> list[DataDesc]:
        """The description of the labels."""
        return [DataDesc(self._names[1], (self.batch_size, *self._label.shape[1:]), self._label.dtype.type)]

    def reset(self) -> None:
        """Starts the next epoch."""
        overhang = max(self._cursor + self.batch_size - self._data.shape[0], 0)
        self._cursor = (overhang if self._round_batch else 0) - self.batch_size

    def iter_next(self) -> bool:
        """Moves to the next batch; false after the last."""
        end = self._data.shape[0] - (self.batch_size - 1 if self._drop_last else 0)
        if self._cursor + self.batch_size >= end:
            return False
        self._cursor += self.batch_size
        return True

    def next(self) -> DataBatch:
        """The next batch. Raises StopIteration after the last."""
        if not self.iter_next():
            raise StopIteration
        return DataBatch([self.getdata()], [self.getlabel()], self.getpad(), self.getindex())

    def getindex(self) -> np.ndarray:
        """Numbers of the current batch's examples in the file, as uint64."""
        return (np.arange(self._cursor, self._cursor + self.batch_size) % self._data.shape[0]).astype(np.uint64)

    def getdata(self) -> NDArray:
        """The data of the current batch; one array, as in MXNet, not a list."""
        return self._rows_of(self._data, self._dtype)

    def getlabel(self) -> NDArray:
        """The labels of the current batch; one array, as in MXNet, not a list."""
        return self._rows_of(self._label, self._label.dtype)

    def _rows_of(self, source: np.ndarray | Csr, dtype: np.dtype) -> NDArray:
        index = self.getindex().astype(np.int64)
        if not isinstance(source, Csr):
            return array(source[index], dtype=dtype)
        rows, ctx = take_rows(np, source, index), current_context()
        return wrap_value(rows.with_values(rows.values.astype(dtype, copy=False)).map(ctx.backend.upload), ctx)

    def getpad(self) -> int:
        """How many examples at the end of the current batch only fill it up."""
        return max(self._cursor + self.batch_size - self._data.shape[0], 0)
