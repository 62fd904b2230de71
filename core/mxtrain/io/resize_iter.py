"""An iterator with another number of batches per epoch."""

from __future__ import annotations

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.io.description import DataBatch
from mxtrain.io.wrapping_iter import WrappingIter


class ResizeIter(WrappingIter):
    """`size` batches per epoch from another iterator, which starts again whenever it ends.

    reset_internal: whether `reset` also starts the other iterator again.
    Source: mxnet.io.ResizeIter of MXNet 1.9.1.
    """

    def __init__(self, data_iter: Any, size: int, reset_internal: bool = True) -> None:
        super().__init__()
        self.data_iter = data_iter
        self.size = size
        self.reset_internal = reset_internal
        self.cur = 0
        self.provide_data = data_iter.provide_data
        self.provide_label = data_iter.provide_label
        self.batch_size = data_iter.batch_size
        if hasattr(data_iter, "default_bucket_key"):
            self.default_bucket_key = data_iter.default_bucket_key

    def reset(self) -> None:
        """Starts an epoch."""
        self.cur = 0
        if self.reset_internal:
            self.data_iter.reset()

    def iter_next(self) -> bool:
        """Moves to the next batch. Raises ArgumentError where the other iterator has no batches at all."""
        if self.cur == self.size:
            return False
        try:
            self.current_batch = self.data_iter.next()
        except StopIteration:
            self.current_batch = self._first_again()
        self.cur += 1
        return True

    def _first_again(self) -> DataBatch:
        self.data_iter.reset()
        try:
            return self.data_iter.next()
        except StopIteration:
            raise ArgumentError("ResizeIter: expected an iterator with batches. Received: one without any.") from None
