"""`Quorum`: whose pushes a round of a store waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mxtrain_server.parameters.segment import Segment


class Quorum:
    """The members of a store, and how many of their pushes complete a round.

    members: ranks; the set is shared with the store. backups: how many workers a round may do without; a worker that
    has left is one of them. resting: members that stand in a barrier, and will not push until all have come to it.
    paused: members that have no data for now.
    """

    def __init__(self, members: set[int], backups: int = 0) -> None:
        self.members = members
        self.backups = backups
        self.resting: set[int] = set()
        self.paused: set[int] = set()
        self._known = set(members)
        self._barriers: dict[int, int] = {}  # by rank: the last one that it came to

    @property
    def active(self) -> set[int]:
        """The members that push."""
        return self.members - self.resting - self.paused

    # ---------------------------------------------------------------- rounds

    def lowest(self, segment: Segment, first: int, stop: int) -> np.ndarray:
        """For each block the last round that enough members have pushed. There must be members."""
        active = self.active
        rounds = [segment.reached_by(rank)[first:stop] for rank in active or self.members]
        if not active:
            return np.maximum.reduce(rounds)
        spare = len(active) - max(1, len(self._known) - self.backups) if self.backups else 0
        return np.minimum.reduce(rounds) if spare <= 0 else np.partition(rounds, spare, axis=0)[spare]

    def missing(self, segment: Segment, first: int, stop: int, wanted: np.ndarray) -> list[int]:
        """The members that have not pushed some rounds of blocks, and may do so yet."""
        return [rank for rank in sorted(self.active) if bool((segment.reached_by(rank)[first:stop] < wanted).any())]

    # ---------------------------------------------------------------- members

    def join(self, rank: int) -> None:
        """One more worker, whose push the rounds to come need, too."""
        self._known.add(rank)
        self.members.add(rank)

    def leave(self, rank: int) -> None:
        """A worker will push no more."""
        self.members.discard(rank)
        self.resting.discard(rank)
        self.paused.discard(rank)
        self._barriers.pop(rank, None)

    def rest(self, rank: int, barrier: int) -> bool:
        """A worker has come to its barrier of that number; False where it had, and nothing changes."""
        if rank not in self.members or barrier <= self._barriers.get(rank, 0):
            return False
        self._barriers[rank] = barrier
        self.resting.add(rank)
        return True

    @property
    def all_rest(self) -> bool:
        """Whether every member has come to the barrier."""
        return bool(self.resting) and self.resting >= self.members

    def wake(self, segments: Iterable[Segment]) -> None:
        """The barrier opens: who rests goes on."""
        self.catch_up(self.resting, segments)
        self.resting.clear()

    def catch_up(self, ranks: Iterable[int], segments: Iterable[Segment]) -> None:
        """Some members go on at the round that the foremost of all has come to, those who have left included.

        With backups nobody needs help: who is behind is told by its next pull which round it is.
        """
        for segment in segments:
            if self.backups or not segment.num_blocks:
                continue
            foremost = np.maximum.reduce([segment.taken, *(segment.reached_by(rank) for rank in self.members)])
            for rank in ranks:
                segment.shift(rank, foremost - segment.reached_by(rank))

    # ---------------------------------------------------------------- copies

    def dump(self) -> dict[str, Any]:
        """What it knows, as plain values."""
        return {
            "members": sorted(self.members),
            "backups": self.backups,
            "resting": sorted(self.resting),
            "paused": sorted(self.paused),
            "known": sorted(self._known),
            "barriers": sorted(self._barriers.items()),
        }

    def load(self, tree: Mapping[str, Any]) -> None:
        """Continue from what `dump` gave."""
        self.members.clear()
        self.members.update(tree["members"])
        self.backups, self.resting, self._known = tree["backups"], set(tree["resting"]), set(tree["known"])
        self._barriers = dict(tree["barriers"])
        self.paused = set(tree["paused"])
