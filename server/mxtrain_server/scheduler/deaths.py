"""`Deaths`: a node is dead; the job goes on without it, waits for another in its place, or stops."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.barriers import Barriers
from mxtrain_server.scheduler.job import Job
from mxtrain_server.scheduler.members import Member
from mxtrain_server.scheduler.orderly_stop import OrderlyStop


class Deaths:
    """What follows from the deaths of nodes."""

    def __init__(self, job: Job, barriers: Barriers, orderly: OrderlyStop) -> None:
        self._job = job
        self._barriers = barriers
        self._orderly = orderly

    def lose(self, member: Member, what: str, now: float) -> None:
        """A node is dead. what: how that shows, for people."""
        job = self._job
        if member.node in job.streams:
            job.close(member.node)  # one that only hangs would keep its stream open
        if job.phase in ("forming", "gathering") and job.rules.replace_timeout:
            member.state, member.replace_by = pb.NODE_STATE_DEAD, now + job.rules.replace_timeout
            if job.phase == "forming":
                del job.members.by_node[member.node]
            job.log(f"{member.name} {what}", problem=True)
        elif job.phase == "ending":
            member.state = pb.NODE_STATE_DEAD
            job.log(f"{member.name} {what}, when all workers had finished", problem=True)
        elif job.phase == "forming":
            job.stop_for(member, what, now)
        elif member.role == pb.ROLE_SERVER:
            self._lose_server(member, what, now)
        else:
            self._lose_worker(member, what, now)

    def _lose_server(self, member: Member, what: str, now: float) -> None:
        self._mark_dead(member, now)
        only = self._job.shards.lose(member.node)
        if only:
            self._job.stop_for(member, f"{what}; nobody else knew its parameters (shard {only[0]})", now)
            return
        self._job.log(f"{member.name} {what}; the job goes on with the copies of its parameters", problem=True)
        self.settle()
        self._job.announce_view()

    def _lose_worker(self, member: Member, what: str, now: float) -> None:
        self._mark_dead(member, now)
        if member.is_awaited:
            waits = f"; a new process may take its place for {self._job.rules.replace_timeout:g} s"
            self._job.log(f"{member.name} {what}{waits}", problem=True)
            self._job.announce_view()
            self.look(now)
            return
        self._leave_out(member, what, now)

    def _leave_out(self, member: Member, what: str, now: float) -> None:
        job, workers = self._job, self._job.members.of(pb.ROLE_WORKER)
        member.state, member.replace_by = pb.NODE_STATE_LOST, None
        left = len([worker for worker in workers if worker.is_active or worker.is_awaited])
        has_ended = any(worker.state == pb.NODE_STATE_FINISHED for worker in workers)
        if left < job.rules.min_workers and not has_ended:
            too_few = f"{what}; {left} of at least {job.rules.min_workers} worker(s) are left"
            if not self._orderly.begin(f"{member.name} {too_few}.", now):
                job.stop_for(member, too_few, now)
                return
        job.log(f"{member.name} {what}; the job goes on without it", problem=True)
        job.announce_view()
        self._barriers.release()
        self._orderly.look()
        job.end_when_done(now)

    def look(self, now: float) -> None:
        """All workers are dead, and the scheduler was told to end: nobody will take their places."""
        if self._orderly.told and self._job.phase == "running" and not self._job.members.active(pb.ROLE_WORKER):
            self.await_nobody(now)

    def await_nobody(self, now: float) -> None:
        """The job is to end: go on without the workers whose place a new process might have taken."""
        for member in self._job.members.of(pb.ROLE_WORKER):
            if member.is_awaited:
                self._leave_out(member, "is dead, and the job is to end", now)

    def _mark_dead(self, member: Member, now: float) -> None:
        # who joined later has no place that must be filled: a new process joins as it did
        is_awaited = not self._job.stopping and not self._job.members.has_joined(member)
        timeout = self._job.rules.replace_timeout if is_awaited else 0.0
        member.state, member.waiting_since = pb.NODE_STATE_DEAD, None
        member.replace_by = now + timeout if timeout else None

    def settle(self) -> None:
        """Let servers learn the shards that lack a copy, unless a new server may still come to do so."""
        servers = self._job.members.of(pb.ROLE_SERVER)
        if not any(member.is_awaited for member in servers):
            self._job.shards.teach([member.node for member in servers if member.is_active])

    # ---------------------------------------------------------------- deadlines

    def check_heartbeats(self, now: float) -> None:
        """Who has not been heard of for too long is dead."""
        for member in self._job.members.everybody():
            silent = now - member.seen
            if member.is_active and silent >= self._job.rules.heartbeat_timeout:
                self.lose(member, f"is dead: nothing was heard of it for {silent:.0f} s", now)
                return

    def check_replacements(self, now: float) -> None:
        """Nobody has come in place of a dead node: go on without."""
        timeout = self._job.rules.replace_timeout
        for member in self._job.members.everybody():
            if member.replace_by is None or now < member.replace_by or not member.is_awaited:
                continue
            if member.role == pb.ROLE_WORKER:
                self._leave_out(member, f"was not replaced within {timeout:g} s", now)
            else:
                member.replace_by = None
                self._job.log(f"{member.name} was not replaced within {timeout:g} s", problem=True)
                self.settle()
                self._job.announce_view()
