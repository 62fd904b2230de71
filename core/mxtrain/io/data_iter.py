"""`DataIter`: the interface of all data iterators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxtrain.io.description import DataBatch


class DataIter:
    """Base of all data iterators: an iterator of `DataBatch` that can start again.

    A subclass defines `next`, or `iter_next`, `getdata`, `getlabel` and `getpad`; and `reset`, `provide_data` and
    `provide_label`. Source: follows mxnet.io.DataIter of MXNet 1.9.1.
    """

    if TYPE_CHECKING:  # what subclasses offer; a base without them would hide that one forgot
        provide_data: Any
        provide_label: Any
        default_bucket_key: Any

    def __init__(self, batch_size: int = 0) -> None:
        self.batch_size = batch_size

    def __iter__(self) -> DataIter:
        return self

    def __next__(self) -> DataBatch:
        return self.next()

    def reset(self) -> None:
        """Starts again from the first batch."""

    def next(self) -> DataBatch:
        """The next batch. Raises StopIteration after the last."""
        if not self.iter_next():
            raise StopIteration
        return DataBatch(self.getdata(), self.getlabel(), self.getpad(), self.getindex())

    def iter_next(self) -> bool:
        """Moves to the next batch; false after the last."""
        return False

    def getdata(self) -> Any:
        """The data of the current batch: a list of NDArrays."""
        return None

    def getlabel(self) -> Any:
        """The labels of the current batch: a list of NDArrays."""
        return None

    def getindex(self) -> Any:
        """Numbers of the current batch's examples in the data set, or None."""
        return None

    def getpad(self) -> int | None:
        """How many examples at the end of the current batch only fill it up."""
        return None
