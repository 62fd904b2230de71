"""`OrderlyStop`: all workers end after the same step, and one of them writes a checkpoint."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.job import ADVICE, Job
from mxtrain_server.scheduler.members import Member

#: Seconds in which others must be told to end, too, or the job goes on with a new process in place of the one that was.
_ALONE_AFTER = 5.0


class OrderlyStop:
    """How a job stops that somebody wants to end, or that cannot go on, while its servers are all there.

    Each worker says which step it has begun last and begins no other; the furthest is the step after which all stop.
    They say so at once, in the middle of a step too, so nobody waits for who waits for it. When all have stopped, the
    lowest in rank writes the checkpoint and ends, too.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._can: dict[str, pb.CanStop] = {}
        self._asked: dict[str, tuple[str, float]] = {}
        self.told = False
        self._steps: dict[str, int] = {}
        self._stopped: set[str] = set()
        self._stop_at: int | None = None
        self._writer: int | None = None
        self._abort_at: float | None = None

    def set_ability(self, member: Member, ability: pb.CanStop) -> None:
        """A worker's training has begun, or ended."""
        self._can[member.node] = ability
        if self._job.stopping and ability.can:
            self._ask(member)
        self.look()

    def ask(self, member: Member, reason: str, now: float) -> bool:
        """A node was told to end; whether the job therefore has to."""
        self._asked.setdefault(member.node, (reason, now))
        can_leave = self._job.rules.replace_timeout or self._job.members.has_joined(member)
        if member.role != pb.ROLE_WORKER or not can_leave:
            return True
        return self.told or all(worker.node in self._asked for worker in self._job.members.active(pb.ROLE_WORKER))

    @property
    def reason(self) -> str:
        """Who was told to end first."""
        members, asked = self._job.members.by_node, self._asked.items()
        told = (f"{members[node].name} was told to end: {why}." for node, (why, _) in asked if node in members)
        return next(told, "")

    def begin(self, reason: str, now: float) -> bool:
        """Stop the job; whether it can be stopped in order."""
        job = self._job
        if job.stopping:
            return True
        if job.phase != "running" or not any(
            self._can[m.node].saves for m in job.members.active(pb.ROLE_WORKER) if m.node in self._can
        ):
            return False
        job.stopping, self._abort_at = reason, now + job.rules.stop_timeout
        job.log(f"the job stops in order, with a checkpoint: {reason}", problem=True)
        for member in job.members.active(pb.ROLE_WORKER):
            self._ask(member)
        return True

    def _ask(self, member: Member) -> None:
        order = pb.OrderlyStop(reason=self._job.stopping, seconds=self._job.rules.stop_timeout)
        self._job.send(member, pb.SchedulerMessage(orderly_stop=order))

    def at_step(self, member: Member, step: int) -> None:
        """A worker says which step it has begun last."""
        self._steps[member.node] = step
        if self._stop_at is None:
            self.look()
        else:
            self._tell(member)

    def stopped(self, member: Member) -> None:
        """A worker has come to the last step."""
        self._stopped.add(member.node)
        if self._writer is not None:
            self._let_go(member)
        self.look()

    def look(self) -> None:
        """Something has changed: perhaps nobody needs to be waited for any more."""
        if not self._job.stopping:
            return
        workers = self._taking_part()
        if self._stop_at is None and workers and all(member.node in self._steps for member in workers):
            self._stop_at = max(self._steps[member.node] for member in workers)
            for member in workers:
                self._tell(member)
        if self._writer is None and workers and all(member.node in self._stopped for member in workers):
            self._writer = min(member.rank for member in workers)
            for member in workers:
                self._let_go(member)

    def _taking_part(self) -> list[Member]:
        """The workers that train, or have not said that they do: these may just have been started."""
        workers = self._job.members.active(pb.ROLE_WORKER)
        return [member for member in workers if member.node not in self._can or self._can[member.node].can]

    def _tell(self, member: Member) -> None:
        self._job.send(member, pb.SchedulerMessage(stop_at=pb.StopAt(step=self._stop_at or 0)))

    def _let_go(self, member: Member) -> None:
        self._job.send(member, pb.SchedulerMessage(all_stopped=pb.AllStopped(writer=self._writer or 0)))

    def check(self, now: float) -> None:
        """A job that has not stopped in time is aborted; who was told to end, and nobody else, leaves alone."""
        for node, (_, since) in list(self._asked.items()):
            if not self._job.stopping and now - since >= _ALONE_AFTER and node in self._job.members.by_node:
                member = self._job.members.by_node[node]
                self._job.log(f"{member.name} alone was told to end: the job goes on", problem=True)
                self._job.send(member, pb.SchedulerMessage(leave=pb.Leave()))
                del self._asked[node]
        if self._abort_at is not None and now >= self._abort_at:
            self._abort_at = None
            done = self._steps if self._stop_at is None else self._stopped
            rules, late = self._job.rules, [m.name for m in self._taking_part() if m.node not in done]
            whom = f": {', '.join(late)} did not come to the last step" if late else ""
            took = f"It was not done within {rules.stop_timeout:g} s (MXTRAIN_STOP_TIMEOUT){whom}."
            self._job.abort(f"The job was to stop in order: {self._job.stopping} {took} {ADVICE}", now)
