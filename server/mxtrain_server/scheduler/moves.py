"""`Moves`: shards go to servers that have joined or have taken a dead one's place, while training goes on.

One shard moves at a time. A server that does not hold it learns it; when it knows all, it takes the place of the
backup, or the primary hands over to it: takes no more commands, waits until its copies know all, and says so. The next
view makes the successor the primary.
"""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.job import Job


class Moves:
    """Moves of shards between the servers of a job, until all lead and back up equally many."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def look(self) -> None:
        """Begin the next move, where nobody is missing and none is under way."""
        job = self._job
        servers = job.members.of(pb.ROLE_SERVER)
        if not job.movable or job.stopping or any(member.is_awaited for member in servers):
            return
        shard = job.shards.begin_move(self._servers(), job.epoch + 1)
        if shard is None:
            return
        if shard.learner:
            job.log(f"{self._name(shard.learner)} learns shard {shard.number}, to take its share of the work")
        else:
            self._log_successor(shard.number, shard.successor)
        job.announce_view()

    def synced(self, node: str, number: int, learner: str) -> None:
        """The primary of a shard says that a learner knows all of it."""
        job = self._job
        if job.phase == "running" and job.shards.synced(number, learner, node, self._servers(), job.epoch + 1):
            job.log(f"{self._name(learner)} has a copy of shard {number}")
            job.announce_view()

    def handed_over(self, node: str, message: pb.HandedOver) -> None:
        """The primary of a shard has stopped to be one: its successor knows all."""
        job, number, successor = self._job, message.shard, message.node
        if job.phase == "running" and job.shards.handed_over(number, node, successor, message.epoch, self._servers()):
            job.log(f"{self._name(successor)} goes on with shard {number} of {self._name(node)}")
            job.announce_view()
            self.look()

    def _log_successor(self, number: int, successor: str) -> None:
        self._job.log(f"shard {number} is handed over to {self._name(successor)}")

    def _servers(self) -> list[str]:
        return [member.node for member in self._job.members.active(pb.ROLE_SERVER)]

    def _name(self, node: str) -> str:
        member = self._job.members.by_node.get(node)
        return node if member is None else member.name
