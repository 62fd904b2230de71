"""`Arrivals`: nodes that register get a rank, wait for one, or are refused."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.barriers import Barriers
from mxtrain_server.scheduler.deaths import Deaths
from mxtrain_server.scheduler.job import Job
from mxtrain_server.scheduler.members import ROLE_NAMES, Member
from mxtrain_server.scheduler.refusals import refusal_of


class Arrivals:
    """How nodes come into a job."""

    def __init__(self, job: Job, barriers: Barriers, deaths: Deaths) -> None:
        self._job = job
        self._barriers = barriers
        self._deaths = deaths
        self._waiting: list[tuple[pb.Register, float]] = []
        self._fresh: dict[str, pb.Register] = {}

    def come(self, request: pb.Register, now: float) -> None:
        """A node has registered for the first time."""
        refusal = self.refusal(request)
        member = self._job.members.by_node.get(request.node)
        if member is not None and member.is_active and not refusal and self._job.phase == "running":
            self._deaths.lose(member, "has not heard that it was taken", now)
        rank = None if refusal else self._rank_for(request)
        if rank is not None:
            self._take_in(request, rank, now)
        elif refusal or not self._may_wait(request, now):
            self._job.refuse(request.node, refusal or self._full(request))

    def refusal(self, request: pb.Register) -> str:
        """Why a node cannot be taken, whatever its rank; "" where it can."""
        job = self._job
        ended = "" if job.phase in ("forming", "gathering", "running") else f"The job has {job.phase}. {job.reason}"
        stopping = f"The job is being stopped. {job.stopping}" if job.stopping else ""
        return refusal_of(request, job.rules.job, self._is_there(request.node)) or ended or stopping

    def _is_there(self, node: str) -> bool:
        """Whether a node has a rank, and knows it: a scheduler that dies may have taken it in without telling it."""
        member = self._job.members.by_node.get(node)
        return member is not None and member.is_active and node in self._job.streams

    def _full(self, request: pb.Register) -> str:
        role, count = ROLE_NAMES[request.role], self._job.members.expected[request.role]
        return f"Expected: {count} {role}(s). Received: one more (host {request.host}, pid {request.pid})."

    # ---------------------------------------------------------------- with a rank

    def _take_in(self, request: pb.Register, rank: int, now: float) -> None:
        job = self._job
        member = Member(request.role, rank, request.node, request.host, request.pid, request.endpoint, seen=now)
        before = job.members.take_place(member)
        joins = job.phase == "running" and before is None
        if joins:
            member.barriers = member.released = self._barriers.left()
        elif before is not None and request.role == pb.ROLE_WORKER:
            # a new scheduler knows it from the others only: who has left a barrier has left it with everybody
            member.barriers = member.released = max(before.released, self._barriers.left())
        job.streams.add(request.node)
        job.log(f"{member.name} has joined" + (f" in place of {before.name}" if before else ""))
        self.welcome(member, replaces=before is not None, joins=joins)
        if job.phase == "forming":
            self._fresh[request.node] = request
        if job.phase == "running":
            self._deaths.settle()
            job.announce_view()
        elif job.members.complete:
            self._begin()

    def welcome(self, member: Member, replaces: bool = False, joins: bool = False) -> None:
        """Tell a node its rank."""
        rules = self._job.rules
        welcome = pb.Welcome(
            rank=member.rank,
            heartbeat_interval=rules.heartbeat_interval,
            heartbeat_timeout=rules.heartbeat_timeout,
            replaces=replaces,
            released=member.released,
            host=rules.host,
            pid=rules.pid,
            joins=joins,
        )
        self._job.send(member, pb.SchedulerMessage(welcome=welcome))

    def _begin(self) -> None:
        """All nodes are there."""
        job = self._job
        job.phase, job.deadline = "running", None
        job.log(f"all {len(job.members.by_node)} nodes are there: the job runs")
        job.shards.form([member.node for member in job.members.of(pb.ROLE_SERVER)], job.rules.max_servers)
        job.announce_view()

    def _rank_for(self, request: pb.Register) -> int | None:
        job = self._job
        if job.phase == "gathering":
            return None
        rank = job.members.free_rank(request.role, request.preferred_rank)
        if rank is None and job.phase == "running" and self._may_join(request):
            most = job.rules.max_workers if request.role == pb.ROLE_WORKER else job.rules.max_servers
            rank = job.members.next_rank(request.role, most)
        return rank

    def _may_join(self, request: pb.Register) -> bool:
        """Whether this is one more worker, and not one that shall take the place of another."""
        taken = {member.rank for member in self._job.members.taking_part(request.role)}
        if request.role == pb.ROLE_WORKER:  # nobody takes the place of one that has joined: its rank says nothing
            taken &= set(range(self._job.members.expected[request.role]))
        return not (self._job.rules.replace_timeout and request.preferred_rank in taken)

    # ---------------------------------------------------------------- without a rank yet

    def _may_wait(self, request: pb.Register, now: float) -> bool:
        """A process that shall replace another may come before the other's death is known."""
        if not (self._job.phase == "gathering" or self._job.rules.replace_timeout):
            return False
        if all(waiting.node != request.node for waiting, _ in self._waiting):
            self._waiting.append((request, now))
        return True

    def let_in(self, now: float) -> None:
        """Look again at the nodes that wait for a rank."""
        rules = self._job.rules
        waiting, self._waiting = self._waiting, []
        for request, since in waiting:
            if now - since >= rules.heartbeat_timeout + rules.end_timeout and request.role == pb.ROLE_SERVER:
                request.preferred_rank = -1  # another has taken the place that it came for: any will do
            if not self._is_there(request.node) and self._rank_for(request) is not None:
                self.come(request, now)
            elif now - since < rules.heartbeat_timeout + rules.end_timeout:
                self._waiting.append((request, since))
            else:
                self._job.refuse(request.node, self._full(request))

    def let_wait(self, now: float) -> None:
        """The job runs already: the nodes that have come to form it wait to take others' places."""
        self._waiting += [(fresh, now) for fresh in self._fresh.values()]
        self._job.streams.difference_update(self._fresh)  # the rank that they were given counts no more

    def has_other_for(self, member: Member) -> bool:
        """Whether a new process waits that was started for the rank of a member."""
        return any((request.role, request.preferred_rank) == (member.role, member.rank) for request, _ in self._waiting)

    def leave(self, node: str) -> None:
        """A node waits no more."""
        self._fresh.pop(node, None)
        self._waiting = [waiting for waiting in self._waiting if waiting[0].node != node]

    def dismiss(self, reason: str) -> None:
        """Tell all nodes that wait why there will be no rank for them."""
        waiting, self._waiting = self._waiting, []
        for request, _ in waiting:
            self._job.refuse(request.node, reason)
