"""`SchedulerState`: what the scheduler knows, and what it does about every event; no sockets, threads or clocks."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import Action, SchedulerRules
from mxtrain_server.scheduler.arrivals import Arrivals
from mxtrain_server.scheduler.barriers import Barriers
from mxtrain_server.scheduler.deaths import Deaths
from mxtrain_server.scheduler.isolation import Isolation
from mxtrain_server.scheduler.job import ADVICE, Job
from mxtrain_server.scheduler.members import Member, Members
from mxtrain_server.scheduler.moves import Moves
from mxtrain_server.scheduler.orderly_stop import OrderlyStop
from mxtrain_server.scheduler.reports import Reports
from mxtrain_server.scheduler.shards import Shards
from mxtrain_server.scheduler.takeover import Takeover

_NOBODY = "Does the job run already, or do they look for another scheduler?"


class SchedulerState:
    """A job from its first node to its end.

    Phases: forming (not all nodes have come), gathering (nodes of a job that runs find their way to a new scheduler),
    running, ending (all workers have finished), ended, aborted. Every event takes the time `now`, in seconds of a clock
    that never jumps, and returns actions in the order to be carried out.
    """

    def __init__(self, rules: SchedulerRules, now: float) -> None:
        self.rules = rules
        self.reports = Reports(rules.heartbeat_interval)
        self._started = now
        self._job = job = Job(rules, now)
        self._barriers = Barriers(job)
        self._isolation = Isolation(job, now)
        self._moves = Moves(job)
        self._orderly = OrderlyStop(job)
        self._deaths = Deaths(job, self._barriers, self._orderly)
        self._arrivals = Arrivals(job, self._barriers, self._deaths)
        self._takeover = Takeover(job, self._barriers, self._deaths, self._arrivals)

    @property
    def phase(self) -> str:
        """Where the job is between its beginning and its end."""
        return self._job.phase

    @property
    def reason(self) -> str:
        """Why the job was aborted."""
        return self._job.reason

    @property
    def members(self) -> Members:
        """The nodes of the job."""
        return self._job.members

    @property
    def shards(self) -> Shards:
        """Where the keys lie."""
        return self._job.shards

    # ---------------------------------------------------------------- nodes

    def register(self, request: pb.Register, now: float) -> list[Action]:
        """A node has come, or has come again."""
        if request.again and request.view.epoch:
            self._takeover.come_again(request, now)
        else:
            self._arrivals.come(request, now)
            self._takeover.look(now)
        return self._take()

    def heartbeat(self, node: str, now: float, counters: pb.Counters | None = None) -> list[Action]:
        """A node is alive."""
        member = self._seen(node, now)
        if member is not None and counters is not None:
            self.reports.take(member, counters, now)
        return []

    def enter_barrier(self, node: str, number: int, now: float) -> list[Action]:
        """A worker waits for all others of the view."""
        member = self._seen(node, now)
        if member is not None and member.is_active:
            self._barriers.enter(member, number, now)
        return self._take()

    def finish(self, node: str, now: float) -> list[Action]:
        """A node has done its part."""
        member, job = self._seen(node, now), self._job
        if member is None or not member.is_active:
            return []
        if member.role == pb.ROLE_SERVER and job.phase == "running":
            job.abort(f"{member.name} has left while workers still needed it.", now)
            return self._take()
        member.state, member.waiting_since = pb.NODE_STATE_FINISHED, None
        job.log(f"{member.name} has finished")
        job.send(member, pb.SchedulerMessage(goodbye=pb.Goodbye()))
        job.close(node)
        if job.phase == "running":
            job.announce_view()
            self._barriers.release()
            self._orderly.look()
            job.end_when_done(now)
        return self._take()

    def synced(self, node: str, shard: int, learner: str, now: float) -> list[Action]:
        """A server has taught another all of a shard."""
        self._seen(node, now)
        self._moves.synced(node, shard, learner)
        return self._take()

    def handed_over(self, node: str, message: pb.HandedOver, now: float) -> list[Action]:
        """The primary of a shard has stopped to be one."""
        self._seen(node, now)
        self._moves.handed_over(node, message)
        return self._take()

    def fail(self, node: str, reason: str, now: float) -> list[Action]:
        """A node says that it cannot go on."""
        member = self._seen(node, now)
        if member is not None and member.is_active:
            self._job.close(node)
            self._job.stop_for(member, f"failed: {reason}", now)
        return self._take()

    def disconnected(self, node: str, now: float) -> list[Action]:
        """A node's stream has ended, for whatever reason."""
        self._job.streams.discard(node)
        self._arrivals.leave(node)
        self._isolation.look(now)
        member = self.members.by_node.get(node)
        if member is not None and self.phase == "running" and self._isolation.spares(now):
            self._job.log(f"{member.name}: its connection broke; it may come again", problem=True)
        elif member is not None and member.is_active and self.phase != "aborted":
            self._deaths.lose(member, "is gone: its connection broke without a goodbye (killed or crashed?)", now)
        self._job.stop_when_alone()
        return self._take()

    # ---------------------------------------------------------------- an orderly stop

    def ask_stop(self, node: str, reason: str, now: float) -> list[Action]:
        """A node was told to end."""
        member = self._seen(node, now)
        # a new scheduler is told again when the job runs
        if member is None or not member.is_active or self.phase not in ("forming", "running"):
            return []
        if self._orderly.ask(member, reason, now):
            self._stop(now)
        return self._take()

    def told_to_end(self, now: float) -> list[Action]:
        """The scheduler itself was told to end, as others are at the same time if the job shall."""
        self._orderly.told = True
        if self._orderly.reason and self.phase == "running":
            self._stop(now)
        self._deaths.look(now)
        return self._take()

    def _stop(self, now: float) -> None:
        """Stop the job in order; it is aborted where that cannot be."""
        if self._orderly.begin(self._orderly.reason, now):
            self._deaths.await_nobody(now)
        else:
            self._job.abort(f"{self._orderly.reason} {ADVICE}", now)

    def can_stop(self, node: str, ability: pb.CanStop, now: float) -> list[Action]:
        """A worker's training has begun, or ended."""
        member = self._seen(node, now)
        if member is not None and member.is_active:
            self._orderly.set_ability(member, ability)
        return self._take()

    def at_step(self, node: str, step: int, now: float) -> list[Action]:
        """A worker says which step it has begun last."""
        member = self._seen(node, now)
        if member is not None and member.is_active:
            self._orderly.at_step(member, step)
        return self._take()

    def stopped(self, node: str, now: float) -> list[Action]:
        """A worker has come to the last step."""
        member = self._seen(node, now)
        if member is not None and member.is_active:
            self._orderly.stopped(member)
        return self._take()

    def _seen(self, node: str, now: float) -> Member | None:
        member = self.members.by_node.get(node)
        if member is not None:
            member.seen = now
        return member

    # ---------------------------------------------------------------- time and people

    def tick(self, now: float) -> list[Action]:
        """Time has passed: look at deadlines."""
        job = self._job
        self._isolation.look(now)
        if job.deadline is not None and now >= job.deadline:
            if job.phase == "forming":
                waited = f"after {self.rules.join_timeout:g} s"
                other = "" if self.members.by_node else f" {_NOBODY}"
                job.abort(f"The job did not start: {self.members.absent()} had not come {waited}.{other}", now)
            elif job.phase == "gathering":
                self._takeover.gather(now)
            else:
                job.stop(0 if job.phase == "ending" else 1)
        if job.phase in ("forming", "running", "ending"):
            if not self._isolation.is_cut_off:
                self._deaths.check_heartbeats(now)
            self._barriers.check(now)
        if job.phase == "running":
            self._orderly.check(now)
            self._deaths.check_replacements(now)
            self._arrivals.let_in(now)
            self._moves.look()
            for text in self.reports.look(self.members, now):
                job.log(text, problem=True)
        return self._take()

    def slept(self, seconds: float, now: float) -> list[Action]:
        """This process did not run for a while: stopped, or its machine was; others may have given it up."""
        self._job.log(f"the scheduler did not run for {seconds:.0f} s", problem=True)
        self._isolation.excuse(seconds, now)
        return self._take()

    def interrupt(self, now: float) -> list[Action]:
        """Somebody wants the scheduler to stop now."""
        if self.phase not in ("ended", "aborted"):
            self._job.abort("The scheduler was interrupted.", now)
        self._job.stop(1)
        return self._take()

    def status(self, now: float) -> pb.StatusReply:
        """What the job looks like."""
        everybody = self.members.everybody()
        reply = pb.StatusReply(
            job=self.rules.job,
            phase=self.phase,
            epoch=self._job.epoch,
            nodes=[member.to_proto() for member in everybody],
            uptime=now - self._started,
            reason=self.reason or self._job.stopping,
            barrier_waiting=[member.name for member in everybody if member.waiting_since is not None],
            shards=[shard.to_proto() for shard in self.shards.all],
        )
        self.reports.fill(reply, self.members, now)
        return reply

    def _take(self) -> list[Action]:
        if self.phase == "aborted":
            self._arrivals.dismiss(f"The job has stopped. {self.reason}")
        return self._job.take()
