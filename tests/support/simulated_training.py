"""A worker of a simulated job (see simulation.py) that runs a whole training script over the real `DistKVStore`.

It sets an optimizer with momentum, changes its learning rate, stands in barriers and shares memory with servers, as a
worker of a real job does; every gradient depends on all weights. Only threads, sockets and clocks are made up.
"""

from typing import Any
from unittest import mock

import numpy as np
from simulated_worker import Channel, Fiber, Killed
from simulation import Job, Plan, Process, World, check

import mxtrain as mx
from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.kvstore import DistKVStore
from mxtrain_kvstore.distributed.node import WorkerNode
from mxtrain_kvstore.distributed.rows import RowClient
from mxtrain_kvstore.settings import read_settings
from mxtrain_kvstore.transport.scheduler_client import SchedulerClient
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.parameters import store
from mxtrain_server.parameters.memory import SegmentMemory

SHAPES = {"a": (3,), "cut": (40,), "b": (2, 3), "c": (1,)}
BARRIER_EVERY, CHANGE_EVERY = 5, 7


class Memory:
    """Memory that processes of the world share, as long as the one that made it lives."""

    def __init__(self, world: "TrainingWorld", process: Process) -> None:
        self.world = world
        self.process = process

    def create(self, nbytes: int) -> tuple[np.ndarray, list[Any]]:
        number = len(self.world.memory)
        array = np.zeros(nbytes, np.uint8)
        self.world.memory.append((self.process, array))
        return array, [0, number, nbytes, "token"]

    def allocate(self, nbytes: int) -> SegmentMemory:
        return SegmentMemory(*self.create(nbytes))

    def open(self, file: list[Any], nbytes: int) -> np.ndarray:
        owner, array = self.world.memory[file[1]]
        if not owner.alive or array.nbytes != nbytes:
            raise MXNetError("its process is gone")
        return array

    def release(self, file: list[Any]) -> None:
        pass


class Stream:
    """Takes what a node wants to tell the scheduler to the one of this moment."""

    def __init__(self, world: "TrainingWorld", process: Process) -> None:
        self.world = world
        self.process = process

    def put(self, message: pb.NodeMessage | None) -> None:
        if message is not None and self.process.registered == self.world.scheduler.name:
            body = getattr(message, message.WhichOneof("body"))
            if message.HasField("enter_barrier"):
                self.world._to_scheduler(
                    self.process.name, lambda s: s.enter_barrier(self.process.name, body.number, self.world.now)
                )


class SimulatedScheduler(SchedulerClient):
    """The scheduler as a worker knows it; streams are the world's."""

    def __init__(self, world: "TrainingWorld", process: Process) -> None:
        environ = {
            "MXTRAIN_ROLE": "worker",
            "MXTRAIN_JOB": "job",
            "MXTRAIN_REPLACE_TIMEOUT": "60",
            "MXTRAIN_KVSTORE_BIGARRAY_BOUND": "30",
            "MXTRAIN_KVSTORE_TIMEOUT": "800",
            "MXTRAIN_WORKER_RANK": str(process.rank),
        }
        super().__init__(read_settings(environ), process.name)
        self.world = world
        self.process = process
        self._outgoing = Stream(world, process)  # type: ignore[assignment]

    def hear(self, message: pb.SchedulerMessage) -> None:
        newer = self.view is None or not message.HasField("view") or message.view.epoch > self.view.epoch
        if newer:
            self._take(message)

    def _wait(self, done: Any, timeout: float) -> bool:
        while not done():
            self.world.after(0.2, self.process.worker.resume)
            self.process.worker.wait()
        return True


class SimulatedNode(WorkerNode):
    """This process as a worker of its job."""

    def __init__(self, world: "TrainingWorld", process: Process, scheduler: SimulatedScheduler) -> None:
        self.settings = scheduler.settings
        self.name = process.name
        self.scheduler = scheduler
        self.shared = Memory(world, process) if world.shares_memory else None  # type: ignore[assignment]
        self.stores = 0
        self.rank = scheduler.rank
        endpoints = [route.endpoint for route in scheduler.routes.primaries]
        channel = process.worker.channel = Channel(world, process, endpoints)
        self.client = RowClient(channel, self.rank, 800.0, lambda: None, lambda: scheduler.routes)
        self.client.greet(self._hello, 800.0)


class Trainer:
    """Trains in a fiber; `go_on` lets it go on where it waits."""

    def __init__(self, world: "TrainingWorld", process: Process) -> None:
        self.world = world
        self.process = process
        self.round = 0
        self.waits = False
        self.channel: Channel | None = None
        self.node: SimulatedNode | None = None
        self.fiber = Fiber(self._train)

    def wait(self) -> None:
        """Called in the fiber: let the world go on."""
        self.waits = True
        self.fiber.wait()
        self.waits = False
        if not self.process.alive:
            raise Killed

    def resume(self) -> None:
        if self.waits:
            self.fiber.resume()

    def go_on(self) -> None:
        """Something has come."""
        if self.fiber.ended:
            return
        if self.node is not None and self.waits:
            self.node.client.flush_unless_busy()  # what the flusher's thread does in a real process
        if self.waits or (self.channel is not None and self.channel.waits):
            self.fiber.resume()

    def waiting(self) -> list[str]:
        return [f"barriers {self.world.clients[self.process.name].barriers}"] if self.waits else []

    def _pause(self) -> None:
        """Now and then others go on, and this process may die, in the middle of a step."""
        if self.world.random.random() < 0.1:
            self.world.after(self.world.random.expovariate(1 / self.world.plan.delay), self.resume)
            self.wait()

    def _train(self) -> None:
        self.node = SimulatedNode(self.world, self.process, self.world.clients[self.process.name])
        kv = DistKVStore("dist_sync", self.node)
        kv._leave.detach()
        optimizer = mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9)
        kv.set_optimizer(optimizer)
        keys = list(SHAPES)
        kv.init(keys, [mx.nd.ones(shape) for shape in SHAPES.values()])
        weights = [mx.nd.zeros(shape) for shape in SHAPES.values()]
        kv.pull(keys, weights)
        for number in range(1, self.world.plan.rounds + 1):
            self.round = number
            self._step(kv, optimizer, number, dict(zip(keys, weights, strict=True)))
            if number % BARRIER_EVERY == 0:
                kv.barrier()
        kv.barrier()
        self.world.done[self.process.rank] = {k: w.asnumpy() for k, w in zip(keys, weights, strict=True)}

    def _step(self, kv: DistKVStore, optimizer: Any, number: int, weights: dict[str, Any]) -> None:
        if number % CHANGE_EVERY == 0:
            optimizer.set_learning_rate(0.1 / (1 + number // CHANGE_EVERY % 3))
        values = {key: weight.asnumpy() for key, weight in weights.items()}
        mean = np.float32(sum(value.mean() for value in values.values()) * 0.01)
        for key, weight in weights.items():
            gradient = values[key] * np.float32(0.1 * (kv.rank + 1)) + mean + np.float32(0.001 * number)
            self._pause()
            kv.push(key, mx.nd.array(gradient, dtype="float32"))
            self._pause()
            kv.pull(key, weight)


class TrainingWorld(World):
    """A job that trains; with an even seed servers and workers share memory."""

    make_worker = Trainer  # type: ignore[assignment]

    def __init__(self, seed: int, *words: Any, **more: Any) -> None:
        self.clients: dict[str, SimulatedScheduler] = {}
        self.memory: list[tuple[Process, np.ndarray]] = []
        self.shares_memory = seed % 2 == 0
        super().__init__(seed, *words, **more)

    def memory_for(self, process: Process) -> Any:
        return Memory(self, process) if self.shares_memory else super().memory_for(process)

    def registration(self, process: Process) -> pb.Register:
        if process.role != "worker":
            return super().registration(process)
        if process.name not in self.clients:
            self.clients[process.name] = SimulatedScheduler(self, process)
        return self.clients[process.name]._registration()

    def _from_scheduler(self, name: str, message: pb.SchedulerMessage) -> None:
        if name in self.clients and self.processes[name].alive:
            self.clients[name].hear(message)
        super()._from_scheduler(name, message)
        worker = self.processes[name].worker
        if message.HasField("barrier_released") and worker is not None and self.processes[name].alive:
            worker.go_on()

    def run(self) -> None:
        with mock.patch.object(store, "SEGMENT_BYTES", 1 << 12):
            super().run()


#: Weights after undisturbed trainings, by number of workers and rounds.
_EXPECTED: dict[tuple[int, int], dict[str, np.ndarray]] = {}


def expected(workers: int, rounds: int) -> dict[str, np.ndarray]:
    """The weights after a training in which nothing goes wrong."""
    place = (workers, rounds)
    if place not in _EXPECTED:
        world = TrainingWorld(1, workers, 2, 0, Plan(rounds=rounds, breaks=0.0, doubles=0.0, deaths=0))
        world.run()
        _EXPECTED[place] = world.done[0]
    return _EXPECTED[place]


def check_training(seed: int, **how: Any) -> Job:
    """Run a training; raises AssertionError, which names the seed, where it hangs or its weights differ."""
    return check(seed, TrainingWorld, expected, **how)
