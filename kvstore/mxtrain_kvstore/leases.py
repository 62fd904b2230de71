"""`Leases`: the samples of a data set, handed out to workers in pieces; and the leases of a job of one process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from mxtrain.base import ArgumentError


class Lease(NamedTuple):
    """Positions `start` to `stop` (without it) in the order of an epoch: this worker's to train on."""

    start: int
    stop: int


class Leases(ABC):
    """One worker's part in the leases of a data set; `KVStore.leases` makes it.

        leases = kv.leases("train", samples=1000, size=50)
        for epoch in range(10):
            while (lease := leases.take()) is not None:
                for first in range(lease.start, lease.stop, 10):
                    ...  # train on samples first to first + 10
                    leases.report(first + 10 - lease.start)
            leases.next_epoch()

    kvstore: the store in whose rounds the samples are trained on. epoch: the one whose leases are taken. joined: this
    worker came when the job ran, and begins with the epoch that it found.
    before_wait: called when there is no lease for this worker while others have some, before it pauses. on_return:
    called when others may have gone on without this worker and it takes part again: it should pull weights.
    while_waiting: called now and then; it may raise.
    """

    def __init__(self, kvstore: Any, name: str, samples: int, size: int, epoch: int) -> None:
        if samples < 1 or size < 1:
            raise ArgumentError(
                f"Leases {name!r}: expected samples >= 1 and size >= 1. Received: samples={samples}, size={size}."
            )
        self.kvstore = kvstore
        self.name = name
        self.samples = samples
        self.size = size
        self.before_wait: Callable[[], None] = lambda: None
        self.on_return: Callable[[], None] = lambda: None
        self.while_waiting: Callable[[], None] = lambda: None
        self.joined = False
        self._epoch = epoch
        self._begun = 0

    @property
    def epoch(self) -> int:
        """The epoch whose leases are taken."""
        return self._epoch

    @abstractmethod
    def take(self) -> Lease | None:
        """The next lease, the last one being done; None when all workers have done all samples of the epoch.

        Where others still have leases it waits, and rounds go on without this worker meanwhile. Raises MXNetError where
        that lasts too long, and says for whom.
        """

    @abstractmethod
    def report(self, done: int) -> None:
        """The first `done` samples of the lease in hand have been pushed: whatever happens, nobody gets them again.

        Waits for the pulls that are under way: what has come back is known to have counted.
        """

    def hand_out(self, done: int) -> None:
        """A batch begins, up to sample `done` of the lease in hand; what was handed out before has been pushed."""
        self.report(self._begun)
        self._begun = done

    @abstractmethod
    def quit_epoch(self) -> None:
        """Take no more leases of this epoch: others get what has not been begun. `take` then waits for its end."""

    @abstractmethod
    def pause(self) -> None:
        """This worker pushes no more for now: rounds go on without it. What was pushed has counted."""

    @abstractmethod
    def go_to(self, epoch: int) -> None:
        """Take the leases of an epoch from its first one: the next, or that of a checkpoint."""

    def next_epoch(self) -> None:
        """Take the leases of the epoch after this one, which is over."""
        self.go_to(self.epoch + 1)

    @abstractmethod
    def close(self) -> None:
        """Take no more leases: others get what has not been begun."""


class LocalLeases(Leases):
    """Where there is one worker all leases are its own, in order."""

    def __init__(self, kvstore: Any, name: str, samples: int, size: int, epoch: int) -> None:
        super().__init__(kvstore, name, samples, size, epoch)
        self._next = 0

    def take(self) -> Lease | None:
        """The next lease."""
        if self._next >= self.samples:
            return None
        lease = Lease(self._next, min(self._next + self.size, self.samples))
        self._next = lease.stop
        return lease

    def report(self, done: int) -> None:
        """Nobody else wants to know."""

    def quit_epoch(self) -> None:
        """Nobody else wants the rest."""
        self._next = self.samples

    def pause(self) -> None:
        """There are no rounds."""

    def go_to(self, epoch: int) -> None:
        """Begin an epoch."""
        self._epoch, self._next = epoch, 0

    def close(self) -> None:
        """Nobody else wants the rest."""
        self._next = self.samples
