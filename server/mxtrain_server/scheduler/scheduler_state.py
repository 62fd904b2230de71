"""`SchedulerState`: what the scheduler knows, and what it does about every event; no sockets, threads or clocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.members import ROLE_NAMES, Member, Members

#: Version of the control plane's protocol.
PROTOCOL = 1


class Send(NamedTuple):
    """Send a message to a node."""

    node: str
    message: pb.SchedulerMessage


class Close(NamedTuple):
    """End a node's stream, after what was sent before."""

    node: str


class Log(NamedTuple):
    """Something that people should see; problem: it is not as it should be."""

    text: str
    problem: bool = False


class Stop(NamedTuple):
    """End the scheduler with an exit code."""

    code: int


Action = Send | Close | Log | Stop


@dataclass(frozen=True)
class SchedulerRules:
    """What a scheduler goes by; durations in seconds (see mxtrain_kvstore.settings)."""

    job: str
    num_workers: int
    num_servers: int
    heartbeat_interval: float = 2.0
    heartbeat_timeout: float = 20.0
    join_timeout: float = 300.0
    barrier_timeout: float = 1800.0
    end_timeout: float = 10.0


class SchedulerState:
    """A job from its first node to its end.

    Phases: forming (not all nodes have come), running, ending (all workers have finished), ended, aborted. Every event
    takes the time `now`, in seconds of a clock that never jumps, and returns actions in the order to be carried out.
    """

    def __init__(self, rules: SchedulerRules, now: float) -> None:
        self.rules = rules
        self.members = Members(rules.num_workers, rules.num_servers)
        self.phase = "forming"
        self.epoch = 0
        self.reason = ""
        self.started = now
        self._deadline: float | None = now + rules.join_timeout
        self._streams: set[str] = set()
        self._actions: list[Action] = []

    # ---------------------------------------------------------------- events

    def register(self, request: pb.Register, now: float) -> list[Action]:
        """A node has come."""
        refusal = self._refusal(request)
        rank = self.members.free_rank(request.role, request.preferred_rank) if not refusal else None
        if rank is None:
            reason = refusal or self._full(request)
            refused = pb.SchedulerMessage(refused=pb.Refused(reason=reason))
            return [Send(request.node, refused), Close(request.node), Log(f"refused a node: {reason}", problem=True)]
        member = Member(request.role, rank, request.node, request.host, request.pid, request.endpoint, seen=now)
        self.members.by_node[request.node] = member
        self._streams.add(request.node)
        self._log(f"{member.name} has joined")
        welcome = pb.Welcome(
            rank=rank, heartbeat_interval=self.rules.heartbeat_interval, heartbeat_timeout=self.rules.heartbeat_timeout
        )
        self._send(member, pb.SchedulerMessage(welcome=welcome))
        if self.members.complete:
            self.phase, self._deadline = "running", None
            self._log(f"all {len(self.members.by_node)} nodes are there: the job runs")
            self._announce_view()
        return self._take()

    def heartbeat(self, node: str, now: float) -> list[Action]:
        """A node is alive."""
        self._seen(node, now)
        return []

    def enter_barrier(self, node: str, number: int, now: float) -> list[Action]:
        """A worker waits for all others of the view."""
        member = self._seen(node, now)
        if member is not None and member.is_active:
            member.barriers, member.waiting_since = number + 1, now
            self._release_barriers()
        return self._take()

    def finish(self, node: str, now: float) -> list[Action]:
        """A node has done its part."""
        member = self._seen(node, now)
        if member is None or not member.is_active:
            return []
        if member.role == pb.ROLE_SERVER and self.phase == "running":
            self._abort(f"{member.name} has left while workers still needed it.", now)
            return self._take()
        member.state, member.waiting_since = pb.NODE_STATE_FINISHED, None
        self._log(f"{member.name} has finished")
        self._send(member, pb.SchedulerMessage(goodbye=pb.Goodbye()))
        self._actions.append(Close(node))
        if self.phase == "running":
            self._announce_view()
            self._release_barriers()
            self._end_when_done(now)
        return self._take()

    def fail(self, node: str, reason: str, now: float) -> list[Action]:
        """A node says that it cannot go on."""
        member = self._seen(node, now)
        if member is not None and member.is_active:
            self._lose(member, f"failed: {reason}", now)
        return self._take()

    def disconnected(self, node: str, now: float) -> list[Action]:
        """A node's stream has ended, for whatever reason."""
        self._streams.discard(node)
        member = self.members.by_node.get(node)
        if member is not None and member.is_active and self.phase != "aborted":
            self._lose(member, "is gone: its connection broke without a goodbye (killed or crashed?)", now)
        self._stop_when_alone()
        return self._take()

    def tick(self, now: float) -> list[Action]:
        """Time has passed: look at deadlines."""
        if self._deadline is not None and now >= self._deadline:
            if self.phase == "forming":
                waited = f"after {self.rules.join_timeout:g} s"
                self._abort(f"The job did not start: {self.members.absent()} had not come {waited}.", now)
            else:
                self._actions.append(Stop(0 if self.phase == "ending" else 1))
        if self.phase in ("forming", "running", "ending"):
            self._check_heartbeats(now)
            self._check_barriers(now)
        return self._take()

    def interrupt(self, now: float) -> list[Action]:
        """Somebody wants the scheduler to stop now."""
        if self.phase not in ("ended", "aborted"):
            self._abort("The scheduler was interrupted.", now)
        self._actions.append(Stop(1))
        return self._take()

    def status(self, now: float) -> pb.StatusReply:
        """What the job looks like."""
        waiting = [member.name for member in self.members.everybody() if member.waiting_since is not None]
        return pb.StatusReply(
            job=self.rules.job,
            phase=self.phase,
            epoch=self.epoch,
            nodes=[member.to_proto() for member in self.members.everybody()],
            uptime=now - self.started,
            reason=self.reason,
            barrier_waiting=waiting,
        )

    # ---------------------------------------------------------------- parts of the above

    def _refusal(self, request: pb.Register) -> str:
        """Why a node cannot be taken, whatever its rank; "" where it can."""
        if request.protocol != PROTOCOL:
            return f"Expected: protocol {PROTOCOL}. Received: {request.protocol}. Install one version everywhere."
        if request.job != self.rules.job:
            return f"Expected: a node of job {self.rules.job!r}. Received: one of job {request.job!r}."
        if request.role not in self.members.expected:
            return "Expected: a server or a worker. Received: neither."
        if request.role == pb.ROLE_SERVER and not request.endpoint:
            return "Expected: the address of a server. Received: none."
        if not request.node or request.node in self.members.by_node:
            return "Expected: a node with a name of its own. Received: one without, or one that is there."
        return "" if self.phase in ("forming", "running") else f"The job has {self.phase}. {self.reason}"

    def _full(self, request: pb.Register) -> str:
        role = ROLE_NAMES[request.role]
        count = self.members.expected[request.role]
        return f"Expected: {count} {role}(s). Received: one more (host {request.host}, pid {request.pid})."

    def _seen(self, node: str, now: float) -> Member | None:
        member = self.members.by_node.get(node)
        if member is not None:
            member.seen = now
        return member

    def _announce_view(self) -> None:
        self.epoch += 1
        nodes = [member.to_proto() for member in self.members.everybody()]
        view = pb.SchedulerMessage(view=pb.View(epoch=self.epoch, nodes=nodes))
        for member in self.members.everybody():
            if member.is_active:
                self._send(member, view)

    def _release_barriers(self) -> None:
        workers = self.members.active(pb.ROLE_WORKER)
        lowest = min((member.barriers for member in workers), default=0)
        for member in workers:
            if member.waiting_since is not None and member.barriers <= lowest:
                member.waiting_since = None
                released = pb.BarrierReleased(number=member.barriers - 1)
                self._send(member, pb.SchedulerMessage(barrier_released=released))

    def _check_barriers(self, now: float) -> None:
        workers = self.members.active(pb.ROLE_WORKER)
        for member in workers:
            if member.waiting_since is None or now - member.waiting_since < self.rules.barrier_timeout:
                continue
            missing = ", ".join(other.name for other in workers if other.barriers < member.barriers)
            member.waiting_since = None
            reason = f"The barrier was not complete after {self.rules.barrier_timeout:g} s: {missing} did not come."
            failed = pb.BarrierFailed(number=member.barriers - 1, reason=reason)
            self._send(member, pb.SchedulerMessage(barrier_failed=failed))

    def _check_heartbeats(self, now: float) -> None:
        for member in self.members.everybody():
            silent = now - member.seen
            if member.is_active and silent >= self.rules.heartbeat_timeout:
                self._lose(member, f"is dead: nothing was heard of it for {silent:.0f} s", now)
                return

    def _end_when_done(self, now: float) -> None:
        if self.members.active(pb.ROLE_WORKER):
            return
        self.phase = "ending"
        self._deadline = now + self.rules.end_timeout
        for member in self.members.active(pb.ROLE_SERVER):
            self._send(member, pb.SchedulerMessage(end_of_job=pb.EndOfJob()))

    def _lose(self, member: Member, what: str, now: float) -> None:
        """A node is lost, and with it the job."""
        member.state = pb.NODE_STATE_DEAD
        self._actions.append(Close(member.node))  # one that only hangs would keep its stream open
        advice = "Start the job again; --resume or load_checkpoint takes up its last checkpoint."
        self._abort(f"{member.name} {what}. {advice}", now)

    def _abort(self, reason: str, now: float) -> None:
        if self.phase in ("aborted", "ended"):
            return
        self.phase, self.reason = "aborted", reason
        self._deadline = now + self.rules.end_timeout
        self._log(f"the job stops: {reason}", problem=True)
        for member in self.members.everybody():
            if member.is_active:
                self._send(member, pb.SchedulerMessage(abort=pb.Abort(reason=reason)))
        self._stop_when_alone()

    def _stop_when_alone(self) -> None:
        """The scheduler ends when the last stream has closed."""
        if self._streams:
            return
        if self.phase == "ending":
            self.phase = "ended"
            self._actions.append(Stop(0))
        elif self.phase == "aborted":
            self._actions.append(Stop(1))

    def _send(self, member: Member, message: pb.SchedulerMessage) -> None:
        self._actions.append(Send(member.node, message))

    def _log(self, text: str, problem: bool = False) -> None:
        self._actions.append(Log(text, problem))

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions
