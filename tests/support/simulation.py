"""A whole job in one thread and in simulated time: scheduler, servers and workers, and a network that does its worst.

Everything that happens follows from a seed: delays, connections that break with what is on them, commands that come
twice, processes that die and are started again. Scheduler and servers are the state machines of `mxtrain_server`,
workers the `ParameterClient` of `mxtrain_kvstore`; only sockets and clocks are made up. One thread runs at a time: a
worker that waits hands over to the world, which goes on until there is something for that worker.

    world = World(seed=7, workers=3, servers=3)
    world.run()     # trains to the end; raises AssertionError where values differ from those of an undisturbed run
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from simulated_worker import Worker, copied, expected
from simulation_plan import Job, Plan, Stopped

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed import conversation
from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.transport.scheduler_client import PROTOCOL
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import decode, decode_frame, encode, encode_frame
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication import actions as act
from mxtrain_server.replication.server_node import ServerNode
from mxtrain_server.replication.server_view import server_view
from mxtrain_server.scheduler.actions import Close, SchedulerRules, Send, Stop
from mxtrain_server.scheduler.scheduler_state import SchedulerState


class Clock:
    """The time of the world, in the place of the module `time`."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def monotonic(self) -> float:
        return self._world.now


@dataclass
class Process:
    """A process of the job. alive: nobody has killed it. registered: name of the scheduler that knows it."""

    name: str
    role: str
    rank: int
    alive: bool = True
    view: pb.View | None = None
    welcome: pb.Welcome | None = None
    registered: str = ""
    node: ServerNode | None = None
    worker: "Worker | None" = None
    scheduler: SchedulerState | None = None
    inbox: deque = field(default_factory=deque)


class World:
    """Runs one job. seed: decides everything. lost: ranks of workers that died and are not replaced."""

    make_worker: Callable[["World", Process], Worker] = Worker

    def __init__(
        self, seed: int, workers: int = 3, servers: int = 3, replicas: int = 1, plan: Plan | None = None
    ) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.plan = plan or Plan()
        self.now = 0.0
        self.job = Job()
        self.rules = SchedulerRules(
            "job",
            workers,
            servers,
            *(1.0, 5.0, 60.0, 600.0, 5.0),
            replicas=replicas,
            replace_timeout=60.0,
            scheduler_timeout=40.0,
            max_servers=servers + self.plan.joins if self.plan.joins else 0,
        )
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._names = itertools.count()
        self._last: dict[tuple, float] = {}
        self._generation: dict[tuple, int] = {}
        self.processes: dict[str, Process] = {}
        self.done: dict[int, dict[str, np.ndarray]] = {}
        self.lost: set[int] = set()
        self._cuts: dict[frozenset[str], float] = {}
        self._leaders: dict[tuple[int, int], str] = {}
        self.scheduler = self._start("scheduler", 0)
        for role, count in (("server", servers), ("worker", workers)):
            for rank in range(count):
                self.after(self.random.random(), lambda role=role, rank=rank: self._start(role, rank))

    # ---------------------------------------------------------------- time

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._count), call))

    def step(self) -> None:
        """Let the next thing happen."""
        assert self._events, f"seed {self.seed}: nothing is left to happen"
        self.now, _, call = heapq.heappop(self._events)
        self.job.events += 1
        assert self.now < self.plan.limit, f"seed {self.seed}: the job hangs; killed {self.job.killed}\n{self.report()}"
        call()

    def run(self) -> None:
        """Train to the end."""
        real, conversation.time = conversation.time, Clock(self)  # type: ignore[assignment,misc]
        try:
            if self.plan.deaths:
                self.after(self.plan.death_spacing * self.random.random(), self._kill_somebody)
            if self.plan.cuts:
                self.after(self.plan.death_spacing * self.random.random(), self._cut_somebody)
            if self.plan.joins:
                self.after(self.plan.death_spacing * self.random.random(), self._join)
            while not self.finished:
                self.step()
        finally:
            conversation.time = real  # type: ignore[misc]

    @property
    def finished(self) -> bool:
        return len(self.done) == self.rules.num_workers - len(self.lost)

    def report(self) -> str:
        return "\n".join(
            f"{p.name} {p.role} {p.rank} alive={p.alive} "
            + (f"round {p.worker.round} wanted {p.worker.waiting()}" if p.worker else "")
            + (str({s: (r.role, r.index) for s, r in p.node.replicas.items()}) if p.node else "")
            for p in self.processes.values()
            if p.alive
        )

    # ---------------------------------------------------------------- processes

    def _start(self, role: str, rank: int) -> Process:
        process = Process(f"{role[0]}{rank}-{next(self._names)}", role, rank)
        self.processes[process.name] = process
        if role == "scheduler":
            process.scheduler = SchedulerState(self.rules, self.now)
            self.scheduler = process
            self.after(0.25, lambda: self._tick_scheduler(process))
            for other in list(self.processes.values()):
                if other.alive and other is not process:
                    self.after(0.3 * self.random.random(), lambda other=other: self._register(other))
            return process
        if role == "server":
            memory = self.memory_for(process)
            process.node = ServerNode(process.name, "job", lambda s: ServerState(s, "job", memory, None, True))
            self.after(1.0, lambda: self._tick_server(process))
        self._register(process)
        self.after(1.0, lambda: self._beat(process))
        return process

    def _join(self) -> None:
        """One server more comes, whatever else is going on, once the job runs."""
        state = self.scheduler.scheduler
        if self.scheduler.alive and state is not None and state.phase == "running":
            self.job.joined.append(self._start("server", -1).name)
        if len(self.job.joined) < self.plan.joins:
            self.after(self.plan.death_spacing * self.random.random(), self._join)

    def _kill_somebody(self) -> None:
        """One process dies and is started again, when all have recovered from the last death."""
        if len(self.job.killed) >= self.plan.deaths or self.finished:
            return
        recovered = self._recovered()
        if recovered or self.plan.reckless or self.plan.overlap:
            spared = self.plan.spared if recovered or self.plan.reckless else (*self.plan.spared, "server")
            victims = [p for p in self.processes.values() if p.alive and p.role not in spared]
            if victims:
                self._kill(self.random.choice(victims))
        self.after(self.plan.death_spacing * self.random.random(), self._kill_somebody)

    def _recovered(self) -> bool:
        state = self.scheduler.scheduler
        whole = state is not None and self.scheduler.alive and state.phase == "running"
        shards = whole and all(shard.backup for shard in state.shards.all) if self.rules.replicas else whole
        there = {(p.role, p.rank) for p in self.processes.values() if p.alive and p.registered}
        expected = self.rules.num_workers - len(self.lost) + self.rules.num_servers + len(self.job.joined)
        return bool(shards) and not self._cuts and len([x for x in there if x[0] != "scheduler"]) == expected

    def _kill(self, process: Process) -> None:
        process.alive = False
        for way in self._last:
            if way[0] == process.name and way[2] != "grpc" and self.random.random() < 0.5:
                self._generation[way] = self._generation.get(way, 0) + 1  # what it had not sent yet is lost
        if process.worker is not None:
            self.after(0.0, process.worker.fiber.resume)
        self.job.killed.append(f"{process.name} at {self.now:.2f}")
        if process.role == "scheduler":
            for other in self.processes.values():
                other.registered = ""
        else:
            self._to_scheduler(process.name, lambda state: state.disconnected(process.name, self.now))
        if process.role != "worker" or process.rank not in self.lost:
            self.after(
                self.plan.restart_after * self.random.random() * 2, lambda: self._start(process.role, process.rank)
            )

    # ---------------------------------------------------------------- partitions

    def _cut_somebody(self) -> None:
        """A node cannot be reached for a while, when all have recovered from what was before."""
        if len(self.job.cut) >= self.plan.cuts or self.finished:
            return
        if self._recovered():
            self._cut(self.random.choice([p for p in self.processes.values() if p.alive and p.role != "scheduler"]))
        self.after(self.plan.death_spacing * self.random.random(), self._cut_somebody)

    def _cut(self, victim: Process) -> None:
        others = [p.name for p in self.processes.values() if p.alive and p is not victim]
        kind = self.random.choice(["the scheduler", "one", "everybody"])
        if kind != "everybody":
            others = [self.scheduler.name if kind == "the scheduler" else self.random.choice(others)]
        end = self.now + self.random.uniform(0.5, self.plan.cut_seconds)
        pairs = [frozenset((victim.name, other)) for other in others]
        self._cuts.update(dict.fromkeys(pairs, end))
        self.job.cut.append(f"{victim.name} from {kind} at {self.now:.2f} for {end - self.now:.2f}")
        self.after(end - self.now, lambda: self._reconnect(victim, pairs))

    def _reconnect(self, victim: Process, pairs: list[frozenset[str]]) -> None:
        for pair in pairs:
            del self._cuts[pair]
        if victim.name in self.job.given_up and victim.alive:
            self._kill(victim)  # it hears that it has been given up, ends, and is started again

    def _is_alive(self, name: str) -> bool:
        return name in self.processes and self.processes[name].alive

    def _give_up(self, name: str) -> None:
        """The scheduler goes on without a process that lives, which may happen to one that is cut off only."""
        was_cut = any(text.startswith(f"{name} from ") for text in self.job.cut)
        assert was_cut, f"seed {self.seed}: {name} was given up"
        if name not in self.job.given_up:
            self.job.given_up.append(name)
            if not any(name in pair for pair in self._cuts):
                self._kill(self.processes[name])

    def _check_leaders(self, process: Process) -> None:
        """No two servers are the primary of a shard in one view."""
        assert process.node is not None
        for shard, replica in process.node.replicas.items():
            if replica.role == "primary":
                leader = self._leaders.setdefault((shard, replica.epoch), process.name)
                if leader != process.name and replica.epoch == 1 and not self.processes[leader].alive:
                    self._leaders = {(shard, 1): process.name}  # all have died: the job has begun anew
                    continue
                assert leader == process.name, f"seed {self.seed}: {leader} and {process.name} lead shard {shard}"

    # ---------------------------------------------------------------- the way to the scheduler

    def _register(self, process: Process) -> None:
        scheduler = self.scheduler
        finished = process.worker is not None and process.rank in self.done
        if finished or not process.alive or not scheduler.alive or process.registered == scheduler.name:
            return
        request = self.registration(process)
        process.registered = scheduler.name
        self._to_scheduler(process.name, lambda state: state.register(request, self.now))

    def memory_for(self, process: Process) -> Any:
        """Where a server's segments lie."""
        return PrivateMemory()

    def registration(self, process: Process) -> pb.Register:
        """What a node says of itself."""
        return pb.Register(
            protocol=PROTOCOL,
            job="job",
            role=pb.ROLE_SERVER if process.role == "server" else pb.ROLE_WORKER,
            node=process.name,
            preferred_rank=process.rank,
            endpoint=process.name if process.role == "server" else "",
            again=process.welcome is not None,
            rank=process.rank,
            view=process.view,
        )

    def _to_scheduler(self, sender: str, event: Callable[[SchedulerState], list]) -> None:
        scheduler = self.scheduler

        def arrive() -> None:
            if scheduler.alive and scheduler is self.scheduler and scheduler.scheduler is not None:
                self._carry_out_for_scheduler(scheduler, event(scheduler.scheduler))

        self._later((sender, scheduler.name, "grpc"), arrive)

    def _carry_out_for_scheduler(self, scheduler: Process, todo: list) -> None:
        for action in todo:
            if isinstance(action, Send):
                message = pb.SchedulerMessage.FromString(action.message.SerializeToString())
                way = (scheduler.name, action.node, "grpc")
                self._later(way, lambda node=action.node, message=message: self._from_scheduler(node, message))
            elif isinstance(action, Close) and not self.plan.reckless and self._is_alive(action.node):
                self._give_up(action.node)
            elif isinstance(action, Stop) and self.plan.reckless and scheduler.scheduler is not None:
                raise Stopped(scheduler.scheduler.reason)  # nobody was left to be told

    def _from_scheduler(self, name: str, message: pb.SchedulerMessage) -> None:
        process = self.processes[name]
        if not process.alive:
            return
        kind = message.WhichOneof("body")
        if kind in ("abort", "refused") and name in self.job.given_up:
            return
        if kind in ("abort", "refused") and self.plan.reckless:
            raise Stopped(getattr(message, kind).reason)
        assert kind not in ("abort", "refused"), f"seed {self.seed}: {message} {self.job.killed}"
        if kind == "welcome" and process.view is None:
            process.welcome, process.rank = message.welcome, message.welcome.rank
        elif kind == "view":
            if process.view is None or message.view.epoch > process.view.epoch:
                process.view = message.view
            if process.node is not None:
                self._carry_out(process, process.node.set_view(server_view(process.view)))
                self._check_leaders(process)
            elif process.worker is None:
                process.worker = self.make_worker(self, process)
                process.worker.fiber.resume()
            else:
                process.worker.go_on()

    def _synced(self, name: str, action: act.Synced, state: SchedulerState) -> list:
        return state.synced(name, action.shard, action.node, self.now)

    def _handed_over(self, name: str, action: act.HandedOver, state: SchedulerState) -> list:
        message = pb.HandedOver(shard=action.shard, node=action.node, epoch=action.epoch)
        return state.handed_over(name, message, self.now)

    def _beat(self, process: Process) -> None:
        if process.alive:
            self._to_scheduler(process.name, lambda state: state.heartbeat(process.name, self.now))
            self.after(1.0, lambda: self._beat(process))

    def _tick_scheduler(self, process: Process) -> None:
        if process.alive and process.scheduler is not None:
            self._carry_out_for_scheduler(process, process.scheduler.tick(self.now))
            self.after(0.25, lambda: self._tick_scheduler(process))

    def _tick_server(self, process: Process) -> None:
        if process.alive and process.node is not None:
            self._carry_out(process, process.node.tick())
            self.after(1.0, lambda: self._tick_server(process))

    # ---------------------------------------------------------------- the data plane

    def _later(self, way: tuple, arrive: Callable[[], None]) -> None:
        """Let something arrive after a while, but after everything before it on the same way."""
        at = max(self.now + self.random.expovariate(1 / self.plan.delay), self._last.get(way, 0.0))
        at = max(at, self._cuts.get(frozenset(way[:2]), 0.0))
        self._last[way] = at
        self.after(at - self.now, arrive)

    def send(self, way: tuple, message: Any, frames: list[bytes], payload: Any) -> None:
        """Send a message on a connection that may break, and lose what is on it."""
        if self.random.random() < self.plan.breaks:
            self.job.broken += 1
            self._generation[way] = self._generation.get(way, 0) + 1
        generation = self._generation.get(way, 0)

        def arrive() -> None:
            if self._generation.get(way, 0) == generation:
                self._arrive(way, frames, payload)

        self._later(way, arrive)
        if type(message) in m.COMMANDS and self.random.random() < self.plan.doubles:
            self.job.doubled += 1
            self._later(way, arrive)

    def _arrive(self, way: tuple, frames: list[bytes], payload: Any) -> None:
        sender, receiver, shard = way
        process = self.processes[receiver]
        if not process.alive:
            return
        if process.worker is not None:
            taken, message = decode_frame(frames[0])
            process.inbox.append(Incoming(shard, message, copied(payload), taken))
            self.after(0.0, process.worker.go_on)
        elif process.node is not None:
            todo = self._at_server(process.node, sender, shard, frames, payload)
            self._carry_out(process, [*todo, *process.node.acknowledge()])

    def _at_server(self, node: ServerNode, sender: str, shard: int, frames: list[bytes], payload: Any) -> list:
        if shard >= 0:
            number, message = decode_frame(frames[0])
            if isinstance(message, m.Hello):
                return node.greet(message)
            return node.receive(sender, shard, number, message, payload)
        messages = [decode(frame) for frame in frames]
        first = messages[0]
        if isinstance(first, m.Entry):
            return node.enter(sender, first, messages[1], payload)
        handlers: dict[type, Callable[[], list]] = {
            m.SnapshotPart: lambda: node.assemble(sender, first, payload),
            m.Probe: lambda: node.probed(sender, first),
            m.Behindhand: lambda: node.behindhand(sender, first),
            m.Acknowledge: lambda: node.acknowledged(sender, first),
        }
        return handlers[type(first)]()

    def _carry_out(self, process: Process, todo: list) -> None:
        for action in todo:
            if isinstance(action, act.Reply):
                self._reply(process.name, action)
            elif isinstance(action, act.Forward):
                frames = [encode(x) for x in (action.message, action.command) if x is not None]
                self.send((process.name, action.node, -1), action.message, frames, copied(action.payload))
            elif isinstance(action, act.Acknowledged):
                self.send((process.name, action.node, -1), action.message, [encode(action.message)], None)
            elif isinstance(action, act.Synced):
                event = partial(self._synced, process.name, action)
                self._to_scheduler(process.name, event)
            elif isinstance(action, act.HandedOver):
                self.job.moves += 1
                self._to_scheduler(process.name, partial(self._handed_over, process.name, action))

    def _reply(self, sender: str, reply: act.Reply) -> None:
        process = self.processes.get(reply.node)
        if process is None or process.worker is None or process.worker.channel.endpoints[reply.shard] != sender:
            return  # the worker has turned to another server, or is gone
        frame = encode_frame(reply.taken, reply.message)
        payload = reply.payload if reply.lasting else copied(reply.payload)  # what lasts is read when it arrives
        self.send((sender, reply.node, reply.shard), reply.message, [frame], payload)


def check(
    seed: int,
    kind: type[World] = World,
    expect: Callable[[int, int], dict[str, np.ndarray]] = expected,
    **how: Any,
) -> Job:
    """Run a job; raises AssertionError, which names the seed, where it hangs or its values differ.

    expect: gives the weights that there should be, from the numbers of workers and rounds.
    """
    world = kind(seed, **how)
    try:
        world.run()
    except Stopped as stop:
        world.job.stopped = str(stop)
    except MXNetError as error:
        raise AssertionError(f"seed {seed}: {error}; killed {world.job.killed}\n{world.report()}") from error
    wanted = expect(world.rules.num_workers, world.plan.rounds)
    for rank, weights in world.done.items():
        for key, value in weights.items():
            assert value.tobytes() == wanted[key].tobytes(), (
                f"seed {seed}: worker {rank}, key {key}: {world.job.killed}"
            )
    return world.job
