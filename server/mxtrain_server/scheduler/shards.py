"""`Shards`: which servers hold which shard of the keys; deaths, replacements and complete copies change that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mxtrain_protos import scheduler_pb2 as pb


@dataclass
class Shard:
    """Names of servers, "" where there is none: see the message Shard in scheduler.proto."""

    number: int
    primary: str
    backup: str = ""
    learner: str = ""

    @property
    def holders(self) -> tuple[str, str, str]:
        """The three of them."""
        return self.primary, self.backup, self.learner

    def to_proto(self) -> pb.Shard:
        """The shard as it stands in a view."""
        return pb.Shard(number=self.number, primary=self.primary, backup=self.backup, learner=self.learner)


class Shards:
    """All shards of a job. replicas: copies besides the primary that are wanted; one is the most."""

    def __init__(self, replicas: int) -> None:
        self.replicas = replicas
        self.all: list[Shard] = []

    def form(self, servers: Sequence[str]) -> None:
        """One shard for each server, in the order of ranks; the next server is the backup."""
        self.all = [Shard(number, node) for number, node in enumerate(servers)]
        if self.replicas and len(servers) > 1:
            for shard in self.all:
                shard.backup = servers[(shard.number + 1) % len(servers)]

    def adopt(self, shards: Iterable[pb.Shard]) -> None:
        """Go on from a view."""
        self.all = [Shard(shard.number, shard.primary, shard.backup, shard.learner) for shard in shards]

    def keep_only(self, servers: Collection[str]) -> list[int]:
        """Go on without all others; returns the shards that nobody knows all of any more."""
        gone = {node for shard in self.all for node in shard.holders if node and node not in servers}
        return [number for node in sorted(gone) for number in self.lose(node)]

    def lose(self, node: str) -> list[int]:
        """Go on without a server; returns the shards that nobody else knows all of."""
        gone = []
        for shard in self.all:
            if shard.learner == node:
                shard.learner = ""
            if shard.backup == node:
                shard.backup = ""
            if shard.primary == node:
                if not shard.backup:
                    gone.append(shard.number)
                shard.primary, shard.backup = shard.backup, ""
        return gone

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

    def synced(self, number: int, node: str) -> bool:
        """A learner knows all of its shard; whether it was one."""
        for shard in self.all:
            if shard.number == number and node and shard.learner == node:
                shard.backup, shard.learner = node, ""
                return True
        return False
