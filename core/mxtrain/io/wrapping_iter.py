"""What the iterators around other iterators have in common: a current batch that they did not make themselves."""

from __future__ import annotations

from typing import Any

from mxtrain.base import MXNetError
from mxtrain.io.data_iter import DataIter
from mxtrain.io.description import DataBatch


class WrappingIter(DataIter):
    """Hands on batches of other iterators: a subclass sets `current_batch` in `iter_next`."""

    current_batch: DataBatch | None = None

    def next(self) -> DataBatch:
        """The next batch. Raises StopIteration after the last."""
        if not self.iter_next():
            raise StopIteration
        return self._batch

    @property
    def _batch(self) -> DataBatch:
        if self.current_batch is None:
            raise MXNetError("Expected: a current batch. Call next() or iter_next() first.")
        return self.current_batch

    def getdata(self) -> Any:
        """The data of the current batch: a list of NDArrays."""
        return self._batch.data

    def getlabel(self) -> Any:
        """The labels of the current batch: a list of NDArrays."""
        return self._batch.label

    def getindex(self) -> Any:
        """Numbers of the current batch's examples in the data set, or None."""
        return self._batch.index

    def getpad(self) -> int | None:
        """How many examples at the end of the current batch only fill it up."""
        return self._batch.pad
