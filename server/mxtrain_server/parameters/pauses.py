"""`Pauses`: members of a store that have no data for now, so that rounds go on without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.quorum import Quorum
from mxtrain_server.parameters.segment import Segment

#: Where a worker pauses: an epoch, and how many leases of it the worker has taken.
Place = tuple[int, int]


class Pauses:
    """Who pauses, by whose leases; a process that does again what another has done changes nothing."""

    def __init__(self, quorum: Quorum) -> None:
        self._quorum = quorum
        self._places: dict[tuple[str, int], Place] = {}  # by table and rank: the last pause
        self._resumed: dict[str, int] = {}  # by table: the last epoch after which all went on

    def pause(self, rank: int, table: str, place: Place) -> bool:
        """A worker pauses; False where it had, and nothing changes."""
        before = self._places.get((table, rank), (-1, -1))
        if rank not in self._quorum.members or place <= before or place[0] <= self._resumed.get(table, -1):
            return False
        self._places[table, rank] = place
        self._quorum.paused.add(rank)
        return True

    def resume(self, table: str, epoch: int, segments: Sequence[Segment]) -> bool:
        """All who paused go on, at the round that the foremost of all has come to; False where they had."""
        if epoch <= self._resumed.get(table, -1):
            return False
        self._resumed[table] = epoch
        ranks = {rank for rank in self._quorum.paused if (table, rank) in self._places}
        self._quorum.catch_up(ranks, segments)
        self._quorum.paused -= ranks
        return True

    def come_back(self, rank: int, table: str, place: Place, number: int, segments: Sequence[Segment]) -> bool:
        """One who paused at this place goes on after round `number`; False where it had.

        Raises RequestError where a later round is done.
        """
        if rank not in self._quorum.paused or self._places.get((table, rank)) != place:
            return False
        done = max((int(segment.taken.max()) for segment in segments if segment.num_blocks), default=0)
        if done > number:
            raise RequestError(f"Expected: to come back after round {done}, which is done. Received: round {number}.")
        for segment in () if self._quorum.backups else segments:  # with backups its next pull tells it the round
            segment.shift(rank, number - segment.reached_by(rank))
        self._quorum.paused.discard(rank)
        return True

    def forget(self, rank: int) -> None:
        """A worker has left."""
        self._places = {place: found for place, found in self._places.items() if place[1] != rank}

    def dump(self) -> list[Any]:
        """What is known, as plain values; who pauses stands in the quorum's."""
        return [[[*key, *place] for key, place in self._places.items()], list(self._resumed.items())]

    def load(self, tree: Sequence[Any]) -> None:
        """Continue from what `dump` gave."""
        places, resumed = tree
        self._places = {(table, rank): (epoch, number) for table, rank, epoch, number in places}
        self._resumed = dict(resumed)
