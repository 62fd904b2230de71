"""Pulls that came before the round they ask for."""

from __future__ import annotations

from typing import NamedTuple

from mxtrain_kvstore.compression.codec import Codec
from mxtrain_server.parameters.intervals import runs_where
from mxtrain_server.parameters.segment import Segment


class Wanted(NamedTuple):
    """Blocks `first` to `stop` that a worker asked for, as of round `number`.

    mapped: it reads the memory itself. codec: how values are sent to it; None: as they are. shift: how much less the
    worker's own number of that round is.
    """

    rank: int
    first: int
    stop: int
    number: int
    mapped: bool
    codec: Codec | None = None
    shift: int = 0


class Parked:
    """The waiting pulls of one segment, in order of arrival."""

    def __init__(self) -> None:
        self._waiting: list[Wanted] = []

    def add(self, segment: Segment, wanted: Wanted) -> list[Wanted]:
        """Take a pull; returns the parts of it that can be answered at once."""
        ready, waiting = split(segment, wanted)
        self._waiting += waiting
        return ready

    def wake(self, segment: Segment, first: int, stop: int) -> list[Wanted]:
        """What can be answered now that blocks `first` to `stop` have reached a new round."""
        answers: list[Wanted] = []
        still: list[Wanted] = []
        for wanted in self._waiting:
            if wanted.first >= stop or wanted.stop <= first:
                still.append(wanted)
                continue
            ready, waiting = split(segment, wanted)
            answers += ready
            still += waiting
        self._waiting = still
        return answers

    def unmap(self, rank: int) -> None:
        """Send values to a worker from now on, which may not come to read them in time."""
        self._waiting = [w._replace(mapped=False) if w.rank == rank else w for w in self._waiting]

    def drop(self, rank: int) -> None:
        """Forget a worker's pulls."""
        self._waiting = [wanted for wanted in self._waiting if wanted.rank != rank]

    def __len__(self) -> int:
        return len(self._waiting)


def split(segment: Segment, wanted: Wanted) -> tuple[list[Wanted], list[Wanted]]:
    """The parts of a pull that have reached its round, and the parts that have not."""
    reached = segment.completed[wanted.first : wanted.stop] >= wanted.number
    if reached.all():
        return [wanted], []
    if not reached.any():
        return [], [wanted]
    ready = [wanted._replace(first=a, stop=b) for a, b in runs_where(reached, wanted.first)]
    waiting = [wanted._replace(first=a, stop=b) for a, b in runs_where(~reached, wanted.first)]
    return ready, waiting
