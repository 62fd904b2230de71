"""`Job`: what all parts of the scheduler share: members, shards, the phase, and the actions to be carried out."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import Action, Close, Log, SchedulerRules, Send, Stop
from mxtrain_server.scheduler.members import Member, Members
from mxtrain_server.scheduler.shards import Shards

ADVICE = "Start the job again; --resume or load_checkpoint takes up its last checkpoint."


class Job:
    """A job as its scheduler knows it.

    phase: see `SchedulerState`. epoch: of the newest view. reason: why the job was aborted; stopping: why it is being
    stopped in order. deadline: when `tick` has to do something about the phase, in seconds of a clock that never jumps.
    streams: nodes whose connection stands.
    """

    def __init__(self, rules: SchedulerRules, now: float) -> None:
        self.rules = rules
        self.members = Members(rules.num_workers, rules.num_servers)
        self.shards = Shards(rules.replicas)
        self.phase = "forming"
        self.epoch = 0
        self.reason = ""
        self.stopping = ""
        self.deadline: float | None = now + rules.join_timeout
        self.streams: set[str] = set()
        self._actions: list[Action] = []

    @property
    def movable(self) -> bool:
        """Whether shards may move from one server to another: workers keep then what they may have to send again."""
        return self.rules.replicas > 0 or self.rules.max_servers > self.rules.num_servers

    # ---------------------------------------------------------------- actions

    def send(self, member: Member, message: pb.SchedulerMessage) -> None:
        """Tell a member something."""
        self._actions.append(Send(member.node, message))

    def refuse(self, node: str, reason: str) -> None:
        """Do not take a node into the job."""
        self.log(f"refused a node: {reason}", problem=True)
        self._actions.append(Send(node, pb.SchedulerMessage(refused=pb.Refused(reason=reason))))
        self.close(node)

    def close(self, node: str) -> None:
        """End a node's stream."""
        self._actions.append(Close(node))

    def log(self, text: str, problem: bool = False) -> None:
        """Tell people."""
        self._actions.append(Log(text, problem))

    def stop(self, code: int) -> None:
        """End the scheduler."""
        self._actions.append(Stop(code))

    def take(self) -> list[Action]:
        """What is to be carried out."""
        actions, self._actions = self._actions, []
        return actions

    def announce_view(self) -> None:
        """Tell all members who is in the job now, and where the shards lie."""
        self.epoch += 1
        nodes = [member.to_proto() for member in self.members.everybody()]
        shards = [shard.to_proto() for shard in self.shards.all]
        view = pb.SchedulerMessage(
            view=pb.View(
                epoch=self.epoch,
                nodes=nodes,
                shards=shards,
                replicas=self.rules.replicas,
                movable=self.movable,
            )
        )
        for member in self.members.everybody():
            if member.is_active:
                self.send(member, view)

    # ---------------------------------------------------------------- the end

    def end_when_done(self, now: float) -> None:
        """All workers have finished: so shall the servers."""
        if self.members.taking_part(pb.ROLE_WORKER):
            return
        self.phase = "ending"
        self.deadline = now + self.rules.end_timeout
        for member in self.members.active(pb.ROLE_SERVER):
            self.send(member, pb.SchedulerMessage(end_of_job=pb.EndOfJob()))

    def stop_for(self, member: Member, what: str, now: float) -> None:
        """The job cannot go on without this node."""
        member.state = pb.NODE_STATE_DEAD
        self.abort(f"{member.name} {what}. {ADVICE}", now)

    def abort(self, reason: str, now: float) -> None:
        """The job has failed: tell everybody."""
        if self.phase in ("aborted", "ended"):
            return
        self.phase, self.reason = "aborted", reason
        self.deadline = now + self.rules.end_timeout
        self.log(f"the job stops: {reason}", problem=True)
        for member in self.members.everybody():
            if member.is_active:
                self.send(member, pb.SchedulerMessage(abort=pb.Abort(reason=reason)))
        self.stop_when_alone()

    def stop_when_alone(self) -> None:
        """The scheduler ends when the last stream has closed."""
        if self.streams:
            return
        if self.phase == "ending":
            self.phase = "ended"
            self.stop(0)
        elif self.phase == "aborted":
            self.stop(1)
