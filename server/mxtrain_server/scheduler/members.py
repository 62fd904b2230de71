"""The nodes of a job and their ranks."""

from __future__ import annotations

from dataclasses import dataclass

from mxtrain_protos import scheduler_pb2 as pb

ROLE_NAMES: dict[int, str] = {pb.ROLE_SCHEDULER: "scheduler", pb.ROLE_SERVER: "server", pb.ROLE_WORKER: "worker"}


@dataclass
class Member:
    """One node.

    seen: when it was last heard of. barriers: how many it has entered; released: how many it has left; waiting_since:
    in one since. replace_by: dead; until when a new process may take its place. replaced: processes that were at its
    rank before.
    """

    role: int
    rank: int
    node: str
    host: str
    pid: int
    endpoint: str
    seen: float
    state: int = pb.NODE_STATE_ACTIVE
    barriers: int = 0
    released: int = 0
    waiting_since: float | None = None
    replace_by: float | None = None
    replaced: int = 0

    @property
    def name(self) -> str:
        """How people are told about the node."""
        return f"{ROLE_NAMES[self.role]} {self.rank} (host {self.host}, pid {self.pid})"

    @property
    def is_active(self) -> bool:
        """Whether it still takes part."""
        return self.state == pb.NODE_STATE_ACTIVE

    @property
    def is_awaited(self) -> bool:
        """Whether a new process may take its place."""
        return self.state == pb.NODE_STATE_DEAD and self.replace_by is not None

    def to_proto(self) -> pb.Node:
        """The node as it stands in a view."""
        return pb.Node(
            role=self.role,  # type: ignore[arg-type]
            rank=self.rank,
            node=self.node,
            host=self.host,
            pid=self.pid,
            endpoint=self.endpoint,
            state=self.state,  # type: ignore[arg-type]
        )


class Members:
    """All nodes that were ever taken into the job, in order of role and rank."""

    def __init__(self, num_workers: int, num_servers: int) -> None:
        self.expected: dict[int, int] = {pb.ROLE_SERVER: num_servers, pb.ROLE_WORKER: num_workers}
        self.by_node: dict[str, Member] = {}

    def of(self, role: int) -> list[Member]:
        """The nodes of a role, by rank."""
        return sorted((m for m in self.by_node.values() if m.role == role), key=lambda m: m.rank)

    def everybody(self) -> list[Member]:
        """Servers, then workers."""
        return self.of(pb.ROLE_SERVER) + self.of(pb.ROLE_WORKER)

    def active(self, role: int) -> list[Member]:
        """The nodes of a role that still take part."""
        return [member for member in self.of(role) if member.is_active]

    def taking_part(self, role: int) -> list[Member]:
        """The nodes of a role that others wait for: active ones, and dead ones that a new process may replace."""
        return [member for member in self.of(role) if member.is_active or member.is_awaited]

    @property
    def complete(self) -> bool:
        """Whether all expected nodes have come."""
        return all(len(self.of(role)) == count for role, count in self.expected.items())

    def free_rank(self, role: int, preferred: int) -> int | None:
        """The preferred rank where it is free, else the lowest free one; None where there is none."""
        taken = {member.rank for member in self.of(role) if not member.is_awaited}
        awaited = {member.rank for member in self.of(role) if member.is_awaited}
        free = sorted({*range(self.expected[role]), *awaited} - taken)
        if preferred in free:
            return preferred
        return free[0] if free else None

    def has_joined(self, member: Member) -> bool:
        """Whether a worker came to a job that ran already, beside those that it was started with."""
        return member.role == pb.ROLE_WORKER and member.rank >= self.expected[pb.ROLE_WORKER]

    def next_rank(self, role: int, most: int) -> int | None:
        """The rank after all that were ever given; None where that makes more than `most` nodes that take part."""
        if len(self.taking_part(role)) >= most:
            return None
        return max((member.rank for member in self.of(role)), default=-1) + 1

    def take_place(self, member: Member) -> Member | None:
        """Enter a node; returns the dead one whose rank it takes."""
        before = next((m for m in self.of(member.role) if m.rank == member.rank), None)
        if before is not None:
            del self.by_node[before.node]
            member.barriers = member.released = before.released
            member.replaced = before.replaced + 1
        self.by_node[member.node] = member
        return before

    def absent(self) -> str:
        """Which expected nodes have not come, for people."""
        parts = []
        for role, count in self.expected.items():
            there = len(self.of(role))
            if there < count:
                parts.append(f"{count - there} of {count} {ROLE_NAMES[role]}(s)")
        return " and ".join(parts)
