"""`Barriers`: workers wait until all others of the view have come."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.job import Job
from mxtrain_server.scheduler.members import Member


class Barriers:
    """The barriers of a job, which are numbered; each worker enters them in order."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def enter(self, member: Member, number: int, now: float) -> None:
        """A worker waits for all others of the view."""
        if number < member.released:  # its rank has been there before
            self._let_go(member, number)
        else:
            member.barriers, member.waiting_since = number + 1, now
            self.release()

    def left(self) -> int:
        """How many barriers the workers have left together."""
        return max((other.released for other in self._job.members.active(pb.ROLE_WORKER)), default=0)

    def release(self) -> None:
        """Let all go who wait for nobody any more."""
        workers = self._job.members.taking_part(pb.ROLE_WORKER)
        lowest = min((member.barriers for member in workers), default=0)
        for member in workers:
            if member.waiting_since is not None and member.barriers <= lowest:
                member.waiting_since, member.released = None, member.barriers
                self._let_go(member, member.barriers - 1)

    def _let_go(self, member: Member, number: int) -> None:
        self._job.send(member, pb.SchedulerMessage(barrier_released=pb.BarrierReleased(number=number)))

    def check(self, now: float) -> None:
        """Tell those who have waited for too long for whom they wait."""
        timeout = self._job.rules.barrier_timeout
        workers = self._job.members.taking_part(pb.ROLE_WORKER)
        for member in workers:
            if member.waiting_since is None or now - member.waiting_since < timeout:
                continue
            missing = ", ".join(other.name for other in workers if other.barriers < member.barriers)
            member.waiting_since = None
            reason = f"The barrier was not complete after {timeout:g} s: {missing} did not come."
            failed = pb.BarrierFailed(number=member.barriers - 1, reason=reason)
            self._job.send(member, pb.SchedulerMessage(barrier_failed=failed))
