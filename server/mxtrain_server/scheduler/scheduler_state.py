"""`SchedulerState`: what the scheduler knows, and what it does about every event; no sockets, threads or clocks."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import PROTOCOL, Action, Close, Log, SchedulerRules, Send, Stop
from mxtrain_server.scheduler.members import ROLE_NAMES, Member, Members
from mxtrain_server.scheduler.refusals import refusal_of
from mxtrain_server.scheduler.reports import Reports
from mxtrain_server.scheduler.shards import Shards

_ADVICE = "Start the job again; --resume or load_checkpoint takes up its last checkpoint."


class SchedulerState:
    """A job from its first node to its end.

    Phases: forming (not all nodes have come), gathering (nodes of a job that runs find their way to a new scheduler),
    running, ending (all workers have finished), ended, aborted. Every event takes the time `now`, in seconds of a clock
    that never jumps, and returns actions in the order to be carried out.
    """

    def __init__(self, rules: SchedulerRules, now: float) -> None:
        self.rules = rules
        self.members = Members(rules.num_workers, rules.num_servers)
        self.shards = Shards(rules.replicas)
        self.reports = Reports()
        self.phase = "forming"
        self.epoch = 0
        self.reason = ""
        self.started = now
        self._deadline: float | None = now + rules.join_timeout
        self._streams: set[str] = set()
        self._waiting: list[tuple[pb.Register, float]] = []
        self._again: dict[str, pb.Register] = {}
        self._fresh: dict[str, pb.Register] = {}
        self._actions: list[Action] = []

    # ---------------------------------------------------------------- events

    def register(self, request: pb.Register, now: float) -> list[Action]:
        """A node has come, or has come again."""
        if request.again and request.view.epoch:
            return self._come_again(request, now)
        refusal = self._refusal(request)
        rank = None if refusal else self._rank_for(request)
        if rank is None and not refusal and self._may_wait(request, now):
            return self._take()
        if rank is None:
            return self._refuse(request, refusal or self._full(request))
        member = Member(request.role, rank, request.node, request.host, request.pid, request.endpoint, seen=now)
        before = self.members.take_place(member)
        joins = self.phase == "running" and before is None
        if joins:
            member.barriers = member.released = self._barriers_left()
        elif before is not None and request.role == pb.ROLE_WORKER:
            # a new scheduler knows it from the others only: who has left a barrier has left it with everybody
            member.barriers = member.released = max(before.released, self._barriers_left())
        self._streams.add(request.node)
        self._log(f"{member.name} has joined" + (f" in place of {before.name}" if before else ""))
        self._welcome(member, replaces=before is not None, joins=joins)
        if self.phase == "forming":
            self._fresh[request.node] = request
        if self.phase == "running":
            self._settle(now)
            self._announce_view()
        elif self.members.complete:
            self._begin()
        return self._take()

    def _refuse(self, request: pb.Register, reason: str) -> list[Action]:
        refused = pb.SchedulerMessage(refused=pb.Refused(reason=reason))
        self._log(f"refused a node: {reason}", problem=True)
        actions = self._take()
        return [Send(request.node, refused), Close(request.node), *actions]

    def _barriers_left(self) -> int:
        """How many barriers the workers have left together."""
        return max((other.released for other in self.members.active(pb.ROLE_WORKER)), default=0)

    def _welcome(self, member: Member, replaces: bool = False, joins: bool = False) -> None:
        welcome = pb.Welcome(
            rank=member.rank,
            heartbeat_interval=self.rules.heartbeat_interval,
            heartbeat_timeout=self.rules.heartbeat_timeout,
            replaces=replaces,
            released=member.released,
            host=self.rules.host,
            pid=self.rules.pid,
            joins=joins,
        )
        self._send(member, pb.SchedulerMessage(welcome=welcome))

    def _begin(self) -> None:
        """All nodes are there."""
        self.phase, self._deadline = "running", None
        self._log(f"all {len(self.members.by_node)} nodes are there: the job runs")
        self.shards.form([member.node for member in self.members.of(pb.ROLE_SERVER)])
        self._announce_view()

    def _rank_for(self, request: pb.Register) -> int | None:
        if self.phase == "gathering":
            return None
        rank = self.members.free_rank(request.role, request.preferred_rank)
        if rank is None and request.role == pb.ROLE_WORKER and self.phase == "running" and self._may_join(request):
            rank = self.members.next_rank(request.role, self.rules.max_workers)
        return rank

    def _may_join(self, request: pb.Register) -> bool:
        """Whether this is one more worker, and not one that shall take the place of another."""
        taken = {member.rank for member in self.members.taking_part(request.role)}
        return not (self.rules.replace_timeout and request.preferred_rank in taken)

    def _may_wait(self, request: pb.Register, now: float) -> bool:
        """A process that shall replace another may come before the other's death is known."""
        if not (self.phase == "gathering" or self.rules.replace_timeout):
            return False
        if all(waiting.node != request.node for waiting, _ in self._waiting):
            self._waiting.append((request, now))
        return True

    def _let_in(self, now: float) -> None:
        """Look again at the nodes that wait for a rank."""
        waiting, self._waiting = self._waiting, []
        for request, since in waiting:
            if request.node not in self.members.by_node and self._rank_for(request) is not None:
                self._actions += self.register(request, now)
            elif now - since < self.rules.heartbeat_timeout + self.rules.end_timeout:
                self._waiting.append((request, since))
            else:
                self._actions += self._refuse(request, self._full(request))

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
            if number < member.released:  # its rank has been there before
                self._send_released(member, number)
            else:
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

    def synced(self, node: str, shard: int, learner: str, now: float) -> list[Action]:
        """A server has taught another all of a shard."""
        self._seen(node, now)
        if self.phase == "running" and self.shards.synced(shard, learner):
            name = self.members.by_node[learner].name if learner in self.members.by_node else learner
            self._log(f"{name} has a copy of shard {shard}")
            self._announce_view()
        return self._take()

    def fail(self, node: str, reason: str, now: float) -> list[Action]:
        """A node says that it cannot go on."""
        member = self._seen(node, now)
        if member is not None and member.is_active:
            self._actions.append(Close(node))
            self._stop_for(member, f"failed: {reason}", now)
        return self._take()

    def disconnected(self, node: str, now: float) -> list[Action]:
        """A node's stream has ended, for whatever reason."""
        self._streams.discard(node)
        self._fresh.pop(node, None)
        self._waiting = [waiting for waiting in self._waiting if waiting[0].node != node]
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
            elif self.phase == "gathering":
                self._gather(now)
            else:
                self._actions.append(Stop(0 if self.phase == "ending" else 1))
        if self.phase in ("forming", "running", "ending"):
            self._check_heartbeats(now)
            self._check_barriers(now)
        if self.phase == "running":
            self._check_replacements(now)
            self._let_in(now)
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
        reply = pb.StatusReply(
            job=self.rules.job,
            phase=self.phase,
            epoch=self.epoch,
            nodes=[member.to_proto() for member in self.members.everybody()],
            uptime=now - self.started,
            reason=self.reason,
            barrier_waiting=waiting,
            shards=[shard.to_proto() for shard in self.shards.all],
        )
        self.reports.fill(reply, self.members, now)
        return reply

    # ---------------------------------------------------------------- parts of the above

    def _refusal(self, request: pb.Register) -> str:
        """Why a node cannot be taken, whatever its rank; "" where it can."""
        ended = "" if self.phase in ("forming", "gathering", "running") else f"The job has {self.phase}. {self.reason}"
        return refusal_of(request, self.rules.job, self.members) or ended

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
        shards = [shard.to_proto() for shard in self.shards.all]
        view = pb.SchedulerMessage(
            view=pb.View(epoch=self.epoch, nodes=nodes, shards=shards, replicas=self.rules.replicas)
        )
        for member in self.members.everybody():
            if member.is_active:
                self._send(member, view)

    def _release_barriers(self) -> None:
        workers = self.members.taking_part(pb.ROLE_WORKER)
        lowest = min((member.barriers for member in workers), default=0)
        for member in workers:
            if member.waiting_since is not None and member.barriers <= lowest:
                member.waiting_since, member.released = None, member.barriers
                self._send_released(member, member.barriers - 1)

    def _send_released(self, member: Member, number: int) -> None:
        self._send(member, pb.SchedulerMessage(barrier_released=pb.BarrierReleased(number=number)))

    def _check_barriers(self, now: float) -> None:
        workers = self.members.taking_part(pb.ROLE_WORKER)
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
        if self.members.taking_part(pb.ROLE_WORKER):
            return
        self.phase = "ending"
        self._deadline = now + self.rules.end_timeout
        for member in self.members.active(pb.ROLE_SERVER):
            self._send(member, pb.SchedulerMessage(end_of_job=pb.EndOfJob()))

    # ---------------------------------------------------------------- deaths and replacements

    def _lose(self, member: Member, what: str, now: float) -> None:
        """A node is dead: go on without it, or with another in its place, or stop."""
        self._actions.append(Close(member.node))  # one that only hangs would keep its stream open
        if self.phase in ("forming", "gathering") and self.rules.replace_timeout:
            member.state, member.replace_by = pb.NODE_STATE_DEAD, now + self.rules.replace_timeout
            if self.phase == "forming":
                del self.members.by_node[member.node]
            self._log(f"{member.name} {what}", problem=True)
        elif self.phase == "ending":
            member.state = pb.NODE_STATE_DEAD
            self._log(f"{member.name} {what}, when all workers had finished", problem=True)
        elif self.phase == "forming":
            self._stop_for(member, what, now)
        elif member.role == pb.ROLE_SERVER:
            self._lose_server(member, what, now)
        else:
            self._lose_worker(member, what, now)

    def _lose_server(self, member: Member, what: str, now: float) -> None:
        self._mark_dead(member, now)
        only = self.shards.lose(member.node)
        if only:
            self._stop_for(member, f"{what}; nobody else knew its parameters (shard {only[0]})", now)
            return
        self._log(f"{member.name} {what}; the job goes on with the copies of its parameters", problem=True)
        self._settle(now)
        self._announce_view()

    def _lose_worker(self, member: Member, what: str, now: float) -> None:
        self._mark_dead(member, now)
        if member.is_awaited:
            waits = f"; a new process may take its place for {self.rules.replace_timeout:g} s"
            self._log(f"{member.name} {what}{waits}", problem=True)
            self._announce_view()
            return
        self._leave_out(member, what, now)

    def _leave_out(self, member: Member, what: str, now: float) -> None:
        member.state, member.replace_by = pb.NODE_STATE_LOST, None
        left = len([m for m in self.members.of(pb.ROLE_WORKER) if m.is_active or m.is_awaited])
        if left < self.rules.min_workers and not any(
            m.state == pb.NODE_STATE_FINISHED for m in self.members.of(pb.ROLE_WORKER)
        ):
            self._stop_for(member, f"{what}; {left} of at least {self.rules.min_workers} worker(s) are left", now)
            return
        self._log(f"{member.name} {what}; the job goes on without it", problem=True)
        self._announce_view()
        self._release_barriers()
        self._end_when_done(now)

    def _mark_dead(self, member: Member, now: float) -> None:
        member.state, member.waiting_since = pb.NODE_STATE_DEAD, None
        member.replace_by = now + self.rules.replace_timeout if self.rules.replace_timeout else None

    def _settle(self, now: float) -> None:
        """Let servers learn the shards that lack a copy, unless a new server may still come to do so."""
        servers = self.members.of(pb.ROLE_SERVER)
        if not any(member.is_awaited for member in servers):
            self.shards.teach([member.node for member in servers if member.is_active])

    def _check_replacements(self, now: float) -> None:
        """Nobody has come in place of a dead node: go on without."""
        for member in self.members.everybody():
            if member.replace_by is None or now < member.replace_by or not member.is_awaited:
                continue
            if member.role == pb.ROLE_WORKER:
                self._leave_out(member, f"was not replaced within {self.rules.replace_timeout:g} s", now)
            else:
                member.replace_by = None
                self._log(f"{member.name} was not replaced within {self.rules.replace_timeout:g} s", problem=True)
                self._settle(now)
                self._announce_view()

    # ---------------------------------------------------------------- a new scheduler in a job that runs

    def _come_again(self, request: pb.Register, now: float) -> list[Action]:
        """A node of a job that runs; its scheduler has died, or its stream was cut."""
        refusal = "" if self.phase in ("forming", "gathering") else self._refusal_again(request)
        if request.protocol != PROTOCOL or request.job != self.rules.job:
            refusal = self._refusal(request)
        if refusal:
            return self._refuse(request, refusal)
        if self.phase == "forming":
            self.phase, self._deadline = "gathering", now + self.rules.scheduler_timeout / 2
            self._waiting += [(fresh, now) for fresh in self._fresh.values()]  # they came to take others' places
            self._log(f"a new scheduler takes over a job that runs (view {request.view.epoch})", problem=True)
        self._streams.add(request.node)
        self._again[request.node] = request
        if self.phase == "gathering":
            if request.view.epoch > self.epoch:
                self._adopt(request.view, now)
            elif request.node in self.members.by_node:
                self._restore(request, now)
            if all(m.node in self._streams for m in self.members.everybody() if m.is_active):
                self._gather(now)
        else:
            self._restore(request, now)
            self._announce_view()
            self._release_barriers()
        return self._take()

    def _refusal_again(self, request: pb.Register) -> str:
        if self.phase != "running":
            return f"The job has {self.phase}. {self.reason}"
        member = self.members.by_node.get(request.node)
        if member is None or (member.role == pb.ROLE_SERVER and not member.is_active):
            return (
                "Expected: a node of the view. Received: one that was given up as dead while it could not be reached."
            )
        return "" if member.is_active or member.is_awaited else "The job has gone on without this node."

    def _adopt(self, view: pb.View, now: float) -> None:
        """Go on from a view that is newer than what is known."""
        self.epoch = view.epoch
        self.shards.adopt(view.shards)
        self.members.by_node.clear()
        for node in view.nodes:
            member = Member(node.role, node.rank, node.node, node.host, node.pid, node.endpoint, now, node.state)
            if node.state == pb.NODE_STATE_DEAD and self.rules.replace_timeout:
                member.replace_by = now + self.rules.replace_timeout
            self.members.by_node[node.node] = member
        for request in self._again.values():
            if request.node in self.members.by_node:
                self._restore(request, now)

    def _restore(self, request: pb.Register, now: float) -> None:
        """What a node says of itself."""
        member = self.members.by_node[request.node]
        member.seen, member.barriers, member.released = now, request.barriers, request.released
        member.waiting_since = now if request.barriers > request.released else None
        if member.state == pb.NODE_STATE_DEAD and member.role == pb.ROLE_WORKER:
            member.state, member.replace_by = pb.NODE_STATE_ACTIVE, None
        self._welcome(member)

    def _gather(self, now: float) -> None:
        """All nodes that will come have come: the job goes on."""
        self.phase, self._deadline = "running", None
        self._again.clear()
        absent = [m for m in self.members.everybody() if m.is_active and m.node not in self._streams]
        self._log(f"the job goes on under a new scheduler; {len(absent)} node(s) did not come back", problem=True)
        for member in absent:
            if self.phase == "running":
                self._lose(member, "did not come back to the new scheduler", now)
        only = self.shards.keep_only({member.node for member in self.members.active(pb.ROLE_SERVER)})
        if only and self.phase == "running":
            self._abort(f"Shard {only[0]} of the parameters has died with its servers. {_ADVICE}", now)
        if self.phase != "running":
            return
        self._settle(now)
        self._announce_view()
        self._release_barriers()
        self._end_when_done(now)
        self._let_in(now)

    # ---------------------------------------------------------------- the end

    def _stop_for(self, member: Member, what: str, now: float) -> None:
        """The job cannot go on without this node."""
        member.state = pb.NODE_STATE_DEAD
        self._abort(f"{member.name} {what}. {_ADVICE}", now)

    def _abort(self, reason: str, now: float) -> None:
        if self.phase in ("aborted", "ended"):
            return
        self.phase, self.reason = "aborted", reason
        self._deadline = now + self.rules.end_timeout
        self._log(f"the job stops: {reason}", problem=True)
        for member in self.members.everybody():
            if member.is_active:
                self._send(member, pb.SchedulerMessage(abort=pb.Abort(reason=reason)))
        waiting, self._waiting = self._waiting, []
        for request, _ in waiting:
            self._actions = self._refuse(request, f"The job has stopped. {reason}")
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
