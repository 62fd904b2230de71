"""Batches from arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.io.description import DataBatch
from mxtrain.io.row_iter import RowIter
from mxtrain.io.sources import Source, named_sources, num_rows, rows_at, rows_between
from mxtrain.ndarray import NDArray
from mxtrain.ndarray.sparse_array import CSRNDArray

_HANDLES = ("pad", "discard", "roll_over")


class NDArrayIter(RowIter):
    """Batches of the rows of arrays.

    data, label: an NDArray, a NumPy array, a matrix of scipy.sparse or an h5py data set; a list of them; or a
    dictionary from names to them. Batches of csr matrices are csr; they need last_batch_handle="discard", as in MXNet.
    shuffle: a new order for each epoch, from numpy.random. last_batch_handle: "pad" fills the last batch up from the
    start, "discard" leaves incomplete batches out, "roll_over" keeps the rest for the next epoch's first batch.
    data_name, label_name: names of single arrays. layout: of all arrays.

    Batches that are in order are views of the arrays. Raises ArgumentError for arrays of unequal lengths,
    NotImplementedError for csr matrices with another last_batch_handle.
    Source: mxnet.io.NDArrayIter of MXNet 1.9.1.
    """

    def __init__(
        self,
        data: Any,
        label: Any = None,
        batch_size: int = 1,
        shuffle: bool = False,
        last_batch_handle: str = "pad",
        data_name: str = "data",
        label_name: str = "softmax_label",
        layout: str = "NCHW",
    ) -> None:
        super().__init__(batch_size)
        if batch_size < 1:
            raise ArgumentError(f"NDArrayIter: expected batch_size >= 1. Received: {batch_size}.")
        if last_batch_handle not in _HANDLES:
            raise ArgumentError(
                f"NDArrayIter: expected last_batch_handle of {_HANDLES}. Received: {last_batch_handle!r}."
            )
        self.data = named_sources(data, allow_empty=False, default_name=data_name)
        self.label = named_sources(label, allow_empty=True, default_name=label_name)
        if last_batch_handle != "discard" and any(_is_csr(source) for _, source in self.data + self.label):
            raise NotImplementedError(
                f'NDArrayIter: expected last_batch_handle="discard" for csr matrices. Received: {last_batch_handle!r}.'
            )
        self.shuffle = shuffle
        self.last_batch_handle = last_batch_handle
        self.layout = layout
        self.idx = np.arange(num_rows(self.data + self.label))
        self._order = self.idx.copy()
        self.data_list = [source for _, source in self.data + self.label]
        self.num_source = len(self.data_list)
        self.num_data = len(self.idx)
        self.cursor = -batch_size
        #: numbers of the rows that the last epoch left for this one
        self._rolled: np.ndarray | None = None
        self.reset()

    def hard_reset(self) -> None:
        """Starts again from the first row, and forgets what the last epoch left over."""
        self._shuffle()
        self.cursor = -self.batch_size
        self._rolled = None

    def reset(self) -> None:
        """Starts the next epoch."""
        self._shuffle()
        rest = self.num_data - self.cursor
        if self.last_batch_handle == "roll_over" and 0 < rest < self.batch_size:
            self.cursor = -rest - self.batch_size
        else:
            self.cursor = -self.batch_size
            self._rolled = None

    def get_state(self) -> dict[str, Any]:
        """Where the iterator stands, as plain values: with them `set_state` goes on from here in another process."""
        rolled = None if self._rolled is None else self._rolled.tolist()
        return {"cursor": self.cursor, "shuffled": self.idx.tolist(), "order": self._order.tolist(), "rolled": rolled}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave. Raises ArgumentError for the state of an iterator over other rows."""
        order = np.array(state["order"], dtype=np.intp)
        if len(order) != self.num_data:
            raise ArgumentError(f"NDArrayIter: expected the state of {self.num_data} rows. Received: {len(order)}.")
        self.cursor = int(state["cursor"])
        self.idx = np.array(state["shuffled"], dtype=np.intp)
        self._order = order
        self._rolled = None if state["rolled"] is None else np.array(state["rolled"], dtype=np.intp)

    def _shuffle(self) -> None:
        if self.shuffle:
            np.random.shuffle(self.idx)
            # as in MXNet, whose arrays keep the order of the last epoch and are put into this one
            self._order = self._order[self.idx]

    def iter_next(self) -> bool:
        """Moves to the next batch; false after the last."""
        self.cursor += self.batch_size
        needed = self.batch_size if self.last_batch_handle == "discard" else 1
        return self.cursor + needed <= self.num_data

    def next(self) -> DataBatch:
        """The next batch. Raises StopIteration after the last."""
        if not self.iter_next():
            raise StopIteration
        if self.last_batch_handle == "roll_over" and self.cursor + self.batch_size > self.num_data:
            self._rolled = self._rows()
            raise StopIteration
        return DataBatch(self.getdata(), self.getlabel(), self.getpad(), None)

    def _rows(self) -> np.ndarray:
        """Numbers of the current batch's rows; fewer than a batch at the end of an epoch that rolls over."""
        start, stop = self.cursor, self.cursor + self.batch_size
        if start < 0:
            rolled = np.arange(0) if self._rolled is None else self._rolled
            return np.concatenate([rolled, np.resize(self._order, max(self.batch_size - len(rolled), 0))])
        if stop <= self.num_data or self.last_batch_handle == "roll_over":
            return self._order[start:stop]
        return np.concatenate([self._order[start:], np.resize(self._order, stop - self.num_data)])

    def _batch(self, sources: list[tuple[str, Source]]) -> list[NDArray]:
        start, stop = self.cursor, self.cursor + self.batch_size
        if not self.shuffle and start >= 0 and stop <= self.num_data:
            return [rows_between(source, start, stop) for _, source in sources]
        rows = self._rows()
        return [rows_at(source, rows) for _, source in sources]

    def getdata(self) -> list[NDArray]:
        """The data of the current batch."""
        return self._batch(self.data)

    def getlabel(self) -> list[NDArray]:
        """The labels of the current batch."""
        return self._batch(self.label)

    def getpad(self) -> int:
        """How many examples at the end of the current batch only fill it up; after rolling over, how many rolled."""
        if self.last_batch_handle == "pad":
            return max(self.cursor + self.batch_size - self.num_data, 0)
        if self.last_batch_handle == "roll_over" and -self.batch_size < self.cursor < 0:
            return -self.cursor
        return 0


def _is_csr(source: Source) -> bool:
    return isinstance(source, CSRNDArray)
