"""`LeasedIter`: batches of a data set that the workers of a job share by leases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.io.description import DataBatch, DataDesc
from mxtrain.io.row_iter import RowIter
from mxtrain.io.sources import named_sources, num_rows, rows_at
from mxtrain.ndarray import NDArray

_HANDLES = ("keep", "pad", "discard")
#: Batches of a lease: so many turns of all workers an epoch has at least, where there are as many batches; and at most.
_TURNS = 16
_MOST_BATCHES = 32


class LeasedIter(RowIter):
    """Batches of the rows of arrays, of which each worker of a job gets as many as it can take, and nobody another's.

    kvstore: the store that the training uses. data, label, data_name, label_name, layout: as for NDArrayIter; every
    worker has all rows, or a data set on disk, of which it reads its own. batch_size: of this worker. shuffle: a new
    order for each epoch, from `seed`. lease_batches: batches of one lease; None: by the sizes. last_batch_handle: where
    the rows of a lease are no multiple of batch_size, "keep" makes a small batch of the rest, "pad" fills it up from
    the same lease, "discard" leaves it out. in_turn: see KVStore.leases. name: of the data set, where a store has
    several. epoch: the first one.

    In one epoch every row is in one worker's batch, once, whoever joins, leaves or dies; only the batch under way when
    a worker dies for good may be another's, too. An epoch ends for all workers together: who has no lease left waits,
    and rounds go on without it. `DataBatch.index` has the numbers of the rows. Batches are not to be fetched ahead of
    the training, as PrefetchingIter does.

    leases: the `Leases` that rows come from; its hooks tell when this worker waits and returns. may_be_empty: an epoch
    may have no batch for this worker.
    """

    may_be_empty = True

    def __init__(
        self,
        kvstore: Any,
        data: Any,
        label: Any = None,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int = 0,
        lease_batches: int | None = None,
        last_batch_handle: str = "keep",
        in_turn: bool | None = None,
        name: str = "data",
        epoch: int = 0,
        data_name: str = "data",
        label_name: str = "softmax_label",
        layout: str = "NCHW",
    ) -> None:
        super().__init__(batch_size)
        _check(kvstore, batch_size, lease_batches, last_batch_handle)
        self.data = named_sources(data, allow_empty=False, default_name=data_name)
        self.label = named_sources(label, allow_empty=True, default_name=label_name)
        self.num_data = num_rows(self.data + self.label)
        self.last_batch_handle = last_batch_handle
        self.layout = layout
        self._seed = seed if shuffle else None
        batches = lease_batches or _lease_batches(self.num_data, batch_size, kvstore.num_workers)
        self.leases = kvstore.leases(
            name,
            self.num_data,
            batches * batch_size,
            in_turn=in_turn,
            epoch=epoch,
            order="as they are" if self._seed is None else f"shuffled by seed {seed}",
        )
        self._order: tuple[int, np.ndarray] | None = None
        self._lease: Any = None
        self._cursor = 0
        self._begun = self._ended = False

    @property
    def epoch(self) -> int:
        """The epoch whose batches come; a worker that joins a job finds it to be the job's."""
        return int(self.leases.epoch)

    # ---------------------------------------------------------------- epochs

    def reset(self) -> None:
        """Starts the next epoch. Before the end of this one: what is left of it goes to the other workers."""
        if not self._begun:
            return
        if not self._ended:
            self._lease = None
            self.leases.quit_epoch()
            self.leases.take()
        self.leases.next_epoch()
        self._begun = self._ended = False

    def get_state(self) -> dict[str, Any]:
        """The epoch, for `set_state` in another process. To be called between epochs."""
        return {"epoch": self.epoch}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Begin with the epoch of which `get_state` told."""
        self.leases.go_to(int(state["epoch"]))
        self._lease, self._begun, self._ended = None, False, False

    def close(self) -> None:
        """Take no more leases; other workers get what this one has not had."""
        self._lease, self._ended = None, True
        self.leases.close()

    # ---------------------------------------------------------------- batches

    def next(self) -> DataBatch:
        """The next batch. Raises StopIteration when all workers have come to the end of the epoch."""
        rows = self._next_rows()
        pad = 0
        if len(rows) < self.batch_size and self.last_batch_handle == "pad":
            pad = self.batch_size - len(rows)
            rows = np.concatenate([rows, np.resize(self._rows(self._lease.start, self._lease.stop), pad)])
        data, label = self._batch(self.data, rows), self._batch(self.label, rows)
        self.leases.hand_out(self._cursor - self._lease.start)
        if len(rows) == self.batch_size:
            return DataBatch(data, label, pad, rows)
        shapes = [
            [DataDesc(d.name, (len(rows), *d.shape[1:]), d.dtype, d.layout) for d in part]
            for part in (self.provide_data, self.provide_label)
        ]
        return DataBatch(data, label, pad, rows, provide_data=shapes[0], provide_label=shapes[1])

    def _next_rows(self) -> np.ndarray:
        """Numbers of the rows of the next batch; the cursor then stands behind it."""
        self._begun = True
        needed = self.batch_size if self.last_batch_handle == "discard" else 1
        while self._lease is None or self._cursor + needed > self._lease.stop:
            self._lease = None if self._ended else self.leases.take()
            if self._lease is None:
                self._ended = True
                raise StopIteration
            self._cursor = self._lease.start
        start, self._cursor = self._cursor, min(self._cursor + self.batch_size, self._lease.stop)
        return self._rows(start, self._cursor)

    def _rows(self, start: int, stop: int) -> np.ndarray:
        """Numbers of the rows at positions of the epoch."""
        if self._seed is None:
            return np.arange(start, stop)
        if self._order is None or self._order[0] != self.leases.epoch:
            self._order = (self.epoch, shuffled(self.num_data, self._seed, self.epoch))
        return self._order[1][start:stop]

    def _batch(self, sources: list[tuple[str, Any]], rows: np.ndarray) -> list[NDArray]:
        return [rows_at(source, rows) for _, source in sources]


def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of `count` rows in an epoch, int64: the same on every machine, whatever its version of NumPy."""
    keys = np.random.PCG64(np.random.SeedSequence([seed, epoch])).random_raw(count)
    return np.argsort(keys, kind="stable")


def _lease_batches(rows: int, batch_size: int, workers: int) -> int:
    return int(min(max(rows // (batch_size * workers * _TURNS), 1), _MOST_BATCHES))


def _check(kvstore: Any, batch_size: int, lease_batches: int | None, last_batch_handle: str) -> None:
    if not hasattr(kvstore, "leases"):
        raise ArgumentTypeError(f"LeasedIter: expected a KVStore of mx.kv.create. Received: {type(kvstore).__name__}.")
    if batch_size < 1 or (lease_batches is not None and lease_batches < 1):
        raise ArgumentError(
            f"LeasedIter: expected batch_size >= 1 and lease_batches >= 1. Received: {batch_size}, {lease_batches}."
        )
    if last_batch_handle not in _HANDLES:
        raise ArgumentError(f"LeasedIter: expected last_batch_handle of {_HANDLES}. Received: {last_batch_handle!r}.")
