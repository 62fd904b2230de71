"""Which shard should move next, so that all servers lead and back up equally many: a pure function of places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """Where shard `number` lies, or shall lie; backup: "" where there is none."""

    number: int
    primary: str
    backup: str


class Change(NamedTuple):
    """A shard that lies elsewhere than before, and what that gains: less than (0, 0) is better.

    leads: change of the sum of squares of how many shards each server leads; backs: the same of backups. teaches: a
    server has to learn the shard.
    """

    place: Place
    leads: int
    backs: int
    teaches: bool

    @property
    def improves(self) -> bool:
        """Whether work is divided better. Since every change must, there is an end."""
        return (self.leads, self.backs) < (0, 0)


def next_change(places: Sequence[Place], servers: Collection[str]) -> Change | None:
    """The best change that one move can make; None where work is divided evenly. servers: all that may hold shards."""
    if _is_even(places, servers):
        return None
    changes = [change for place in places for change in changes_of(place, places, servers) if change.improves]
    return min(changes, key=lambda c: (c.leads, c.teaches, c.backs, c.place), default=None)


def changes_of(place: Place, places: Sequence[Place], servers: Collection[str]) -> Iterator[Change]:
    """All places to which a shard may move while one of those that hold it goes on."""
    leads, backs = Counter(p.primary for p in places), Counter(p.backup for p in places if p.backup)
    before, holders = place, (place.primary, place.backup)
    for target in _targets(place, servers):
        yield Change(
            target,
            _gain(leads, before.primary, target.primary),
            _gain(backs, before.backup, target.backup) if before.backup else 0,
            not {target.primary, target.backup or target.primary} <= set(holders),
        )


def _targets(place: Place, servers: Collection[str]) -> Iterator[Place]:
    number, primary, backup = place
    if backup:
        yield Place(number, backup, primary)
    for server in servers:
        if server in (primary, backup):
            continue
        if backup:
            yield Place(number, primary, server)
            yield Place(number, server, backup)
        yield Place(number, server, primary if backup else "")


def _gain(counts: Counter[str], before: str, after: str) -> int:
    """How the sum of squares changes when `after` does a part of the work of `before`."""
    return 0 if before == after else 2 * (counts[after] - counts[before]) + 2


def _is_even(places: Sequence[Place], servers: Collection[str]) -> bool:
    for holders in ([p.primary for p in places], [p.backup for p in places if p.backup]):
        counts = Counter(holders)
        numbers = [counts[server] for server in servers]
        if numbers and max(numbers) - min(numbers) > 1:
            return False
    return True
