"""An iterator that loads the next batch while the current one is in use."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from mxtrain.base import MXNetError
from mxtrain.io.data_iter import DataIter
from mxtrain.io.description import DataBatch, DataDesc
from mxtrain.io.wrapping_iter import WrappingIter


class PrefetchingIter(WrappingIter):
    """Runs other iterators ahead by one batch, each in a thread of its own, and joins their batches into one.

    iters: an iterator or several. rename_data, rename_label: for each of them, new names of its data and labels.
    An exception in a thread is raised by `next`. The threads end with the iterator, or by `close`.
    Source: mxnet.io.PrefetchingIter of MXNet 1.9.1.
    """

    def __init__(
        self,
        iters: DataIter | Sequence[DataIter],
        rename_data: Sequence[Mapping[str, str]] | None = None,
        rename_label: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        super().__init__()
        self.iters: list[Any] = list(iters) if isinstance(iters, (list, tuple)) else [iters]
        self.n_iter = len(self.iters)
        if not self.iters:
            raise MXNetError("PrefetchingIter: expected at least one iterator. Received: none.")
        self.rename_data = rename_data
        self.rename_label = rename_label
        self.batch_size = self.provide_data[0][1][0]
        self._pools = [ThreadPoolExecutor(1, f"prefetch-{i}") for i in range(self.n_iter)]
        self._close = weakref.finalize(self, _shut_down, self._pools)
        self._pending: list[Future[DataBatch | None]] = []
        self._fetch()

    def close(self) -> None:
        """Ends the threads, after the batches that they are loading."""
        self._close()

    def _fetch(self) -> None:
        """Has each thread load its next batch."""
        if not self._close.alive:
            raise MXNetError("PrefetchingIter: expected an open iterator. Received: one after close().")
        self._pending = [pool.submit(_next_or_none, one) for pool, one in zip(self._pools, self.iters, strict=True)]

    def _take(self) -> list[DataBatch | None]:
        """What the threads have loaded; raises what one of them raised, after all are done."""
        # no deadline: the wait is the loading itself, which would take as long without a thread
        pending, self._pending = self._pending, []
        for future in pending:
            future.exception()
        return [future.result() for future in pending]

    @property
    def provide_data(self) -> list[DataDesc]:
        """Descriptions of all iterators' data."""
        return _renamed([one.provide_data for one in self.iters], self.rename_data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """Descriptions of all iterators' labels."""
        return _renamed([one.provide_label for one in self.iters], self.rename_label)

    def reset(self) -> None:
        """Starts all iterators again."""
        for future in self._pending:
            future.exception()
        for one in self.iters:
            one.reset()
        self._fetch()

    def iter_next(self) -> bool:
        """Moves to the next batch. Raises MXNetError where one iterator ends before another or pads otherwise."""
        if not self._pending:
            self._fetch()
        batches = self._take()
        whole = [batch for batch in batches if batch is not None]
        if not whole:
            self._pending = [_finished() for _ in self.iters]
            return False
        if len(whole) < len(batches) or any(batch.pad != whole[0].pad for batch in whole):
            pads = [None if batch is None else f"pad={batch.pad}" for batch in batches]
            raise MXNetError(f"PrefetchingIter: expected iterators of one length. Received: batches {pads}.")
        self.current_batch = DataBatch(
            [array for batch in whole for array in batch.data or ()],
            [array for batch in whole for array in batch.label or ()],
            whole[0].pad,
            whole[0].index,
            provide_data=self.provide_data,
            provide_label=self.provide_label,
        )
        self._fetch()
        return True


def _next_or_none(data_iter: DataIter) -> DataBatch | None:
    """The next batch, None after the last."""
    try:
        return data_iter.next()
    except StopIteration:
        return None


def _finished() -> Future[DataBatch | None]:
    """What stands for the next batch once there is none: so the end is reported until the iterator is reset."""
    future: Future[DataBatch | None] = Future()
    future.set_result(None)
    return future


def _shut_down(pools: list[ThreadPoolExecutor]) -> None:
    for pool in pools:
        pool.shutdown(wait=True, cancel_futures=True)


def _renamed(descriptions: Sequence[Sequence[Any]], renames: Sequence[Mapping[str, str]] | None) -> list[DataDesc]:
    """All descriptions as one list, under their new names."""
    names = renames or [{} for _ in descriptions]
    found = []
    for part, rename in zip(descriptions, names, strict=True):
        for one in part:
            desc = one if isinstance(one, DataDesc) else DataDesc(*one)
            found.append(DataDesc(rename.get(desc.name, desc.name), desc.shape, desc.dtype, desc.layout))
    return found
