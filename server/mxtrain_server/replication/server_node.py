"""`ServerNode`: all shards on one server: who may talk to them, and which role each has in the scheduler's view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.actions import Action, Drop, Reply
from mxtrain_server.replication.replica import UNKNOWN, Replica

#: Workers that may wait for this server to hear of them, and messages of servers that are primaries by a later view.
MAX_WAITING = 4096
#: Bytes of values that come with such messages.
MAX_EARLY_BYTES = 1 << 28


@dataclass(frozen=True)
class ShardPlace:
    """Where a shard lies, by names of nodes; "" where there is none.

    learner: a server that is catching up. successor: to which the primary shall hand over.
    """

    primary: str
    backup: str = ""
    learner: str = ""
    successor: str = ""

    @property
    def copies(self) -> dict[str, bool]:
        """The servers besides the primary; True: it knows all of the shard."""
        return {node: known for node, known in ((self.backup, True), (self.learner, False)) if node}


@dataclass(frozen=True)
class ServerView:
    """What a server goes by. workers: rank to node. lost: ranks that the job goes on without. servers: their names."""

    epoch: int
    shards: dict[int, ShardPlace]
    workers: dict[int, str]
    lost: frozenset[int] = frozenset()
    servers: frozenset[str] = frozenset()


class ServerNode:
    """The shards of one server. make_state: a new state for the shard of that number."""

    def __init__(self, node: str, job: str, make_state: Callable[[int], ServerState]) -> None:
        self.node = node
        self.job = job
        self.replicas: dict[int, Replica] = {}
        self.view = ServerView(0, {}, {})
        self._make_state = make_state
        self._waiting: list[m.Hello] = []
        self._early: list[Callable[[], list[Action]]] = []
        self._early_bytes = 0
        self._progressed: set[tuple[int, str]] = set()

    def set_view(self, view: ServerView) -> list[Action]:
        """A new view of the job."""
        if view.epoch <= self.view.epoch:
            return []
        self.view = view
        actions: list[Action] = []
        for shard, place in view.shards.items():
            if self.node == place.primary:
                replica = self._replica(shard)
                actions += replica.lead(view.epoch, place.copies, place.successor)
                actions += replica.set_members(view.workers, view.lost)
            elif self.node in place.copies:
                self._replica(shard).follow(view.epoch, place.primary, place.copies[self.node])
            elif shard in self.replicas:
                self.replicas.pop(shard).close()
        waiting, self._waiting = self._waiting, []
        for hello in waiting:
            actions += self.greet(hello)
        early, self._early, self._early_bytes = self._early, [], 0
        for call in early:
            actions += call()
        return [*actions, *self.acknowledge()]

    def _replica(self, shard: int) -> Replica:
        if shard not in self.replicas:
            self.replicas[shard] = Replica(shard, self._make_state(shard))
        return self.replicas[shard]

    # ---------------------------------------------------------------- workers

    def greet(self, hello: m.Hello) -> list[Action]:
        """A worker introduces itself to a shard; one of a view that has not come here yet waits for it."""
        if hello.epoch > self.view.epoch and len(self._waiting) < MAX_WAITING:
            self._waiting.append(hello)
            return []
        refusal = self._refusal(hello)
        if refusal is not None:
            return [Drop(f"a hello: {refusal}"), Reply(hello.node, hello.shard, 0, m.Refused(0, refusal))]
        replica = self.replicas.get(hello.shard)
        if replica is None or replica.role != "primary":
            return []  # the worker will hear who is the primary now
        return replica.greet(hello)

    def _refusal(self, hello: m.Hello) -> str | None:
        """Why a worker is not taken; None where it is."""
        if hello.protocol != m.PROTOCOL:
            return f"Expected: data-plane protocol {m.PROTOCOL}. Received: {hello.protocol}. Install one version."
        if hello.job != self.job:
            return f"Expected: a worker of job {self.job!r}. Received: one of job {hello.job!r}."
        if self.view.workers.get(hello.rank) != hello.node:
            return f"Expected: a worker of the scheduler's view. Received: node {hello.node!r} as worker {hello.rank}."
        return None

    def receive(self, node: str, shard: int, number: int, message: Any, payload: np.ndarray | None) -> list[Action]:
        """A message of a worker that has been welcomed. payload: raw bytes, uint8."""
        replica = self.replicas.get(shard)
        if replica is None or replica.role != "primary":
            return []
        return replica.receive(node, number, message, payload)

    # ---------------------------------------------------------------- servers

    def accepts(self, hello: m.PeerHello) -> bool:
        """Whether a server may hand us copies. Whoever is a primary has been in the view for a while."""
        return (hello.protocol, hello.job) == (m.PROTOCOL, self.job) and hello.node in self.view.servers

    def enter(self, node: str, entry: m.Entry, message: Any, payload: np.ndarray | None) -> list[Action]:
        """A change from the primary at `node`."""
        if self._is_early(node, entry.shard, entry.epoch):
            return self._keep(partial(self.enter, node, entry, message, payload), payload)
        if not self._leads(node, entry.shard):
            return [Drop(f"a change of shard {entry.shard} from a server that is not its primary")]
        replica = self._replica(entry.shard)
        before = replica.index
        actions = replica.enter(entry, message, payload)
        if replica.index > before:
            self._progressed.add((entry.shard, node))
        return [*actions, *replica.missing(node, entry.change)]

    def probed(self, node: str, probe: m.Probe) -> list[Action]:
        """The primary at `node` waits for an acknowledgement."""
        if not self._leads(node, probe.shard):
            return []
        self._progressed.add((probe.shard, node))
        replica = self._replica(probe.shard)
        replica.forget_question()
        return replica.missing(node, probe.change)

    def assemble(self, node: str, part: m.SnapshotPart, payload: np.ndarray) -> list[Action]:
        """A part of a snapshot from the primary at `node`."""
        if self._is_early(node, part.shard, part.epoch):
            return self._keep(partial(self.assemble, node, part, payload), payload)
        if not self._leads(node, part.shard):
            return [Drop(f"a snapshot of shard {part.shard} from a server that is not its primary")]
        if self._replica(part.shard).assemble(part, payload):
            self._progressed.add((part.shard, node))
        return []

    def _leads(self, node: str, shard: int) -> bool:
        """Whether a node is the primary of a shard of which this server has a copy."""
        place = self.view.shards.get(shard)
        return place is not None and place.primary == node and self.node in place.copies

    def _is_early(self, node: str, shard: int, epoch: int) -> bool:
        """Whether a server says that it is the primary of a shard by a view that has not come here yet."""
        return epoch > self.view.epoch and node in self.view.servers and not self._leads(node, shard)

    def _keep(self, call: Callable[[], list[Action]], payload: np.ndarray | None) -> list[Action]:
        """Take a message when the view has come; where there are too many, what is lost is asked for again."""
        nbytes = 0 if payload is None else payload.nbytes
        if len(self._early) >= MAX_WAITING or self._early_bytes + nbytes > MAX_EARLY_BYTES:
            return [Drop("a message of a server that is a primary by a later view")]
        self._early.append(call)
        self._early_bytes += nbytes
        return []

    def acknowledge(self) -> list[Action]:
        """What primaries should hear, now that everything that has come is carried out."""
        progressed, self._progressed = self._progressed, set()
        known = {shard for shard, replica in self.replicas.items() if replica.index != UNKNOWN}
        return [self.replicas[shard].acknowledge(node) for shard, node in progressed if shard in known]

    def tick(self) -> list[Action]:
        """Called about every second: what was lost on the way between servers is noticed."""
        return [action for replica in self.replicas.values() for action in replica.probe()]

    def behindhand(self, node: str, message: m.Behindhand) -> list[Action]:
        """A follower at `node` lacks changes."""
        replica = self.replicas.get(message.shard)
        return replica.teach_again(node) if replica is not None else []

    def acknowledged(self, node: str, message: m.Acknowledge) -> list[Action]:
        """A follower at `node` has carried out changes."""
        replica = self.replicas.get(message.shard)
        return replica.acknowledged(node, message) if replica is not None else []
