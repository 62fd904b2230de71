"""`Shards`: which servers hold which shard of the keys; deaths, replacements, copies and moves change that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.balance import Place, changes_of, next_change


@dataclass
class Shard:
    """Names of servers, "" where there is none: see the message Shard in scheduler.proto.

    since: epoch of the first view in which the primary is to hand over.
    """

    number: int
    primary: str
    backup: str = ""
    learner: str = ""
    successor: str = ""
    since: int = 0

    @property
    def holders(self) -> tuple[str, str, str]:
        """All that hold it, or shall."""
        return self.primary, self.backup, self.learner

    @property
    def is_moving(self) -> bool:
        """Whether somebody learns it, or is to be its primary."""
        return bool(self.learner or self.successor)

    @property
    def place(self) -> Place:
        """Where it lies, moves apart."""
        return Place(self.number, self.primary, self.backup)

    def to_proto(self) -> pb.Shard:
        """The shard as it stands in a view."""
        return pb.Shard(
            number=self.number,
            primary=self.primary,
            backup=self.backup,
            learner=self.learner,
            successor=self.successor,
        )

    def lose(self, node: str) -> bool:
        """Go on without a server; False where nobody else knows all of the shard.

        A successor knows all, or it would not be one. Where the primary dies, who does not take over may know more
        than who does: it has to learn the shard anew.
        """
        known = [other for other in (self.successor, self.backup) if other and other != node]
        if self.successor == node or self.primary == node:
            self.successor = ""
        if self.primary == node:
            left = [other for other in (self.learner, self.backup) if other and other not in (node, *known[:1])]
            self.primary, self.backup, self.learner = (known or [""])[0], "", (left or [""])[0]
            return bool(known)
        self.backup = "" if self.backup == node else self.backup
        self.learner = "" if self.learner == node else self.learner
        return True


class Shards:
    """All shards of a job. replicas: copies besides the primary that are wanted; one is the most."""

    def __init__(self, replicas: int) -> None:
        self.replicas = replicas
        self.all: list[Shard] = []

    def form(self, servers: Sequence[str], count: int = 0) -> None:
        """So many shards, or one for each server, in the order of ranks; the next server is the backup."""
        number = len(servers)
        self.all = [Shard(shard, servers[shard % number]) for shard in range(max(count, number))]
        if self.replicas and number > 1:
            for shard in self.all:
                shard.backup = servers[(shard.number + 1) % number]

    def adopt(self, shards: Iterable[pb.Shard]) -> None:
        """Go on from a view."""
        self.all = [Shard(s.number, s.primary, s.backup, s.learner, s.successor) for s in shards]

    def keep_only(self, servers: Collection[str]) -> list[int]:
        """Go on without all others; returns the shards that nobody knows all of any more."""
        gone = {node for shard in self.all for node in shard.holders if node and node not in servers}
        return [number for node in sorted(gone) for number in self.lose(node)]

    def lose(self, node: str) -> list[int]:
        """Go on without a server; returns the shards that nobody else knows all of."""
        return [shard.number for shard in self.all if node in shard.holders and not shard.lose(node)]

    def knows_alone(self, node: str) -> bool:
        """Whether there is a shard that would be lost with a server."""
        return any(s.primary == node and not (s.backup or s.successor) for s in self.all)

    def can_do_without(self, node: str, present: Collection[str]) -> bool:
        """Whether others that are there know all of a server's shards."""
        return all(
            any(other in present for other in (s.primary, s.backup, s.successor) if other != node)
            for s in self.all
            if node in (s.primary, s.backup, s.successor)
        )

    def teach(self, servers: Sequence[str]) -> bool:
        """Let servers learn the shards that lack a copy, those first that hold the fewest; whether there was one."""
        changed = False
        for shard in self.all if self.replicas else ():
            if shard.backup or shard.learner:
                continue
            others = [node for node in servers if node != shard.primary]
            if others:
                shard.learner = min(others, key=self._load)
                changed = True
        return changed

    def _load(self, node: str) -> int:
        return sum(node in shard.holders for shard in self.all)

    # ---------------------------------------------------------------- moves

    def begin_move(self, servers: Sequence[str], epoch: int) -> Shard | None:
        """Begin the next move of a shard; None where all is in its place, or still under way.

        epoch: of the view that will tell of it.
        """
        if any(s.is_moving or (self.replicas and not s.backup) for s in self.all):
            return None
        change = next_change([shard.place for shard in self.all], servers)
        if change is None:
            return None
        shard = self._of(change.place.number)
        if change.teaches:
            holders = shard.holders
            shard.learner = next(node for node in change.place[1:] if node and node not in holders)
        else:
            shard.successor, shard.since = change.place.primary, epoch
        return shard

    def synced(self, number: int, node: str, primary: str, servers: Sequence[str], epoch: int) -> bool:
        """A learner knows all of its shard, as the primary says; whether that changes anything."""
        shard = self._find(number)
        if shard is None or not node or (shard.learner, shard.primary, shard.successor) != (node, primary, ""):
            return False
        if self.replicas and not shard.backup:
            shard.backup, shard.learner = node, ""
            return True
        places = [other.place for other in self.all]
        changes = [c for c in changes_of(shard.place, places, servers) if node in c.place]
        best = min(changes, key=lambda c: (c.leads, c.backs, c.place.primary != primary), default=None)
        if not self.replicas or (best is not None and best.place.primary == node):
            shard.successor, shard.since = node, epoch
        else:
            shard.backup, shard.learner = node, ""
        return True

    def handed_over(self, number: int, primary: str, successor: str, epoch: int, servers: Sequence[str]) -> bool:
        """The primary has handed a shard over, in a view of an epoch; whether it was to do so."""
        shard = self._find(number)
        if shard is None or (shard.primary, shard.successor) != (primary, successor) or epoch < shard.since:
            return False
        backups = [node for node in (primary, shard.backup) if node and node != successor]
        places = [other.place for other in self.all]
        changes = [c for c in changes_of(shard.place, places, servers) if c.place.primary == successor]
        best = min((c for c in changes if c.place.backup in backups), key=lambda c: c.backs, default=None)
        shard.primary, shard.learner, shard.successor = successor, "", ""
        shard.backup = (backups[0] if best is None else best.place.backup) if self.replicas else ""
        return True

    def _find(self, number: int) -> Shard | None:
        return next((shard for shard in self.all if shard.number == number), None)

    def _of(self, number: int) -> Shard:
        return next(shard for shard in self.all if shard.number == number)
