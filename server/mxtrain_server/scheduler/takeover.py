"""`Takeover`: a new scheduler in a job that runs learns it from its nodes."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import PROTOCOL
from mxtrain_server.scheduler.arrivals import Arrivals
from mxtrain_server.scheduler.barriers import Barriers
from mxtrain_server.scheduler.deaths import Deaths
from mxtrain_server.scheduler.job import ADVICE, Job
from mxtrain_server.scheduler.members import Member

_GIVEN_UP = "Expected: a node of the view. Received: one that was given up as dead while it could not be reached."

#: Seconds in which no other node has come again, after which the job goes on without those that can be done without for
#: a while. A node that lives tries to reach a new scheduler about once a second (see SchedulerClient).
QUIET = 2.5


class Takeover:
    """How a job goes on whose scheduler has died, or one of whose nodes could not be reached for a while.

    Once half of the nodes have come again, and no other has come for a while, those that are missing are taken for dead
    where nothing is lost if they live: servers whose shards others know, workers that can take their place again. All
    others have the time that a node has which is not heard of. A new process that was started for a missing one's rank
    says that it is dead: then nothing is waited for.
    """

    def __init__(self, job: Job, barriers: Barriers, deaths: Deaths, arrivals: Arrivals) -> None:
        self._job = job
        self._barriers = barriers
        self._deaths = deaths
        self._arrivals = arrivals
        self._again: dict[str, pb.Register] = {}
        self._latest = 0.0

    def come_again(self, request: pb.Register, now: float) -> None:
        """A node of a job that runs; its scheduler has died, or its stream was cut."""
        job = self._job
        refusal = "" if job.phase in ("forming", "gathering") else self._refusal(request)
        if request.protocol != PROTOCOL or request.job != job.rules.job:
            refusal = self._arrivals.refusal(request)
        if refusal:
            job.refuse(request.node, refusal)
            return
        if job.phase == "forming":
            job.phase, self._latest = "gathering", now + job.rules.scheduler_timeout / 2
            self._arrivals.let_wait(now)
            job.log(f"a new scheduler takes over a job that runs (view {request.view.epoch})", problem=True)
        job.streams.add(request.node)
        self._again[request.node] = request
        if job.phase == "gathering":
            self._learn(request, now)
        else:
            self._restore(request, now)
            job.announce_view()
            self._barriers.release()

    def _learn(self, request: pb.Register, now: float) -> None:
        if request.view.epoch > self._job.epoch:
            self._adopt(request.view, now)
        elif request.node in self._job.members.by_node:
            self._restore(request, now)
        active = [member for member in self._job.members.everybody() if member.is_active]
        there = sum(member.node in self._job.streams for member in active)
        self._job.deadline = min(self._latest, now + QUIET) if 2 * there >= len(active) else self._latest
        self.look(now)

    def look(self, now: float) -> None:
        """Somebody has come: perhaps nobody has to be waited for any more."""
        if self._job.phase == "gathering" and self._job.epoch:
            absent = [m for m in self._job.members.everybody() if m.is_active and m.node not in self._job.streams]
            if all(self._arrivals.has_other_for(member) for member in absent):
                self.gather(now)

    def _refusal(self, request: pb.Register) -> str:
        job = self._job
        if job.phase != "running":
            return f"The job has {job.phase}. {job.reason}"
        member = job.members.by_node.get(request.node)
        if member is None or (member.role == pb.ROLE_SERVER and not member.is_active):
            return _GIVEN_UP
        return "" if member.is_active or member.is_awaited else "The job has gone on without this node."

    def _adopt(self, view: pb.View, now: float) -> None:
        """Go on from a view that is newer than what is known."""
        job = self._job
        job.epoch = view.epoch
        job.shards.adopt(view.shards)
        job.members.by_node.clear()
        for node in view.nodes:
            member = Member(node.role, node.rank, node.node, node.host, node.pid, node.endpoint, now, node.state)
            if node.state == pb.NODE_STATE_DEAD and job.rules.replace_timeout:
                member.replace_by = now + job.rules.replace_timeout
            job.members.by_node[node.node] = member
        for request in self._again.values():
            if request.node in job.members.by_node:
                self._restore(request, now)

    def _restore(self, request: pb.Register, now: float) -> None:
        """What a node says of itself."""
        member = self._job.members.by_node[request.node]
        member.seen, member.barriers, member.released = now, request.barriers, request.released
        member.waiting_since = now if request.barriers > request.released else None
        if member.state == pb.NODE_STATE_DEAD and member.role == pb.ROLE_WORKER:
            member.state, member.replace_by = pb.NODE_STATE_ACTIVE, None
        self._arrivals.welcome(member)

    def gather(self, now: float) -> None:
        """All nodes that will come have come: the job goes on."""
        job = self._job
        job.phase, job.deadline = "running", None
        for node in [node for node in self._again if node not in job.members.by_node]:
            job.refuse(node, _GIVEN_UP)
        self._again.clear()
        absent = [m for m in job.members.everybody() if m.is_active and m.node not in job.streams]
        job.log(f"the job goes on under a new scheduler; {len(absent)} node(s) did not come back", problem=True)
        present = {node for node in job.streams if node in job.members.by_node}
        for member in absent:
            if now < self._latest and not self._can_be_spared(member, present):
                member.seen = now
            elif job.phase == "running":
                self._deaths.lose(member, "did not come back to the new scheduler", now)
        only = job.shards.keep_only({member.node for member in job.members.active(pb.ROLE_SERVER)})
        if only and job.phase == "running":
            job.abort(f"Shard {only[0]} of the parameters has died with its servers. {ADVICE}", now)
        if job.phase != "running":
            return
        self._deaths.settle()
        job.announce_view()
        self._barriers.release()
        job.end_when_done(now)
        self._arrivals.let_in(now)

    def _can_be_spared(self, member: Member, present: set[str]) -> bool:
        """Whether nothing is lost if a node is taken for dead and lives, or it is known to be dead."""
        if self._arrivals.has_other_for(member):
            return True
        if member.role == pb.ROLE_WORKER:
            return self._job.rules.replace_timeout > 0
        return self._job.shards.can_do_without(member.node, present)
