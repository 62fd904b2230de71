"""A worker of a simulated job (see simulation.py): the real `RowClient`, and a training that shows mistakes."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.distributed.directory import Directory
from mxtrain_kvstore.distributed.routes import Routes
from mxtrain_kvstore.distributed.rows import RowClient
from mxtrain_kvstore.transport.scheduler_client import routes_of
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import encode_frame

if TYPE_CHECKING:
    from simulation import Process, World

SHAPES = {"a": (3,), "cut": (40,), "b": (2, 3), "c": (1,)}
BIGARRAY = 30


class Killed(BaseException):
    """The process that was waiting is dead."""


class Fiber:
    """A function that can wait in the middle: it and the world take turns."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run
        self._ours = threading.Semaphore(0)
        self._theirs = threading.Semaphore(0)
        self.ended = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    def _main(self) -> None:
        self._ours.acquire()
        try:
            self._run()
        except Killed:
            pass
        except BaseException as error:  # handed to the world
            self.error = error
        self.ended = True
        self._theirs.release()

    def resume(self) -> None:
        """Called by the world: run until the function waits or ends."""
        if self.ended:
            return
        self._ours.release()
        self._theirs.acquire()
        if self.error is not None:
            raise self.error

    def wait(self) -> None:
        """Called by the function: let the world go on."""
        self._theirs.release()
        self._ours.acquire()


class Channel:
    """A worker's connections; endpoints are names of servers. Waiting lets the world go on."""

    def __init__(self, world: "World", process: "Process", endpoints: list[str]) -> None:
        self.world = world
        self.process = process
        self.endpoints = endpoints
        self.num_servers = len(endpoints)
        self.waits = False

    def connect(self, server: int, endpoint: str) -> None:
        self.endpoints[server] = endpoint

    def send(
        self, server: int, message: Any, payload: np.ndarray | None = None, number: int = 0, lasting: bool = False
    ) -> None:
        way = (self.process.name, self.endpoints[server], server)
        self.world.send(way, message, [encode_frame(number, message)], copied(payload))

    def receive(self, timeout: float) -> list[Incoming]:
        if timeout and not self.process.inbox and self.process.worker is not None:
            self.world.after(timeout, self.process.worker.fiber.resume)
            self.waits = True
            self.process.worker.fiber.wait()
            self.waits = False
        if not self.process.alive:
            raise Killed
        found = list(self.process.inbox)
        self.process.inbox.clear()
        return found

    def close(self, deliver: bool = True) -> None:
        pass


class Worker:
    """Trains: each round it pushes a gradient made of its weights, and pulls new ones."""

    def __init__(self, world: "World", process: "Process") -> None:
        self.world = world
        self.process = process
        self.round = 0
        self.directory: Directory | None = None
        self.weights = {key: np.zeros(shape, np.float32) for key, shape in SHAPES.items()}
        self.fiber = Fiber(self.begin)

    def _routes(self) -> Routes:
        if self._of is not self.process.view:
            self._of = self.process.view
            self._found = routes_of(self._of)
        return self._found

    def begin(self) -> None:
        """Join the job, as `WorkerNode` and `DistKVStore` do."""
        view, rank, name = self.process.view, self.process.rank, self.process.name
        self._of, self._found = view, routes_of(view)
        self.channel = Channel(self.world, self.process, [route.endpoint for route in self._found.primaries])
        client = RowClient(self.channel, rank, 800.0, lambda: None, self._routes)
        client.greet(lambda shard, epoch: m.Hello(m.PROTOCOL, "job", name, rank, shard, epoch), 800.0)
        self.open_store(client)
        directory = Directory(client, 0, BIGARRAY)
        directory.add(list(SHAPES), [np.ones(shape, np.float32) for shape in SHAPES.values()])
        for key, parameter in directory.parameters.items():
            client.pull(parameter, [self.weights[key]])
        self.directory = directory
        self.world.after(0.0, self.go_on)
        self._remind(0)

    def open_store(self, client: RowClient) -> None:
        client.ask_all(m.OpenStore, 0, "sync")

    def gradient(self, key: str) -> np.ndarray:
        return gradient(self.weights[key], self.process.rank, self.round)

    def waiting(self) -> list[str]:
        return [] if self.directory is None else [str(k) for k, p in self.directory.parameters.items() if p.awaiting]

    def go_on(self) -> None:
        """Take what has come, and begin the next round where this one is complete."""
        if not self.fiber.ended and self.channel.waits:
            self.fiber.resume()
            return
        if self.directory is None or not self.process.alive or self.process.rank in self.world.done:
            return
        client = self.directory.client
        client.follow_routes()
        for incoming in self.channel.receive(0.0):
            client._take(incoming)
        client.flush()
        if self.waiting():
            return
        self.world.job.events += 1
        if self.round == self.world.plan.rounds:
            self.world.done[self.process.rank] = {key: value.copy() for key, value in self.weights.items()}
            return
        self.round += 1
        for key, parameter in self.directory.parameters.items():
            client.push(parameter, [self.gradient(str(key))])
            client.pull(parameter, [self.weights[key]])
        client.flush()
        self._remind(self.round)

    def _remind(self, number: int) -> None:
        """What `_wait` does for a worker that waits."""

        def ask_again() -> None:
            if self.process.alive and self.directory is not None and self.round == number and self.waiting():
                self.directory.client._remind()
                self._remind(number)
                self.go_on()

        self.world.after(10.0, ask_again)


def gradient(weights: np.ndarray, rank: int, number: int) -> np.ndarray:
    return (weights * np.float32(0.1 * (rank + 1)) + np.float32(0.01 * number)).astype(np.float32)


def expected(workers: int, rounds: int) -> dict[str, np.ndarray]:
    """What the weights are after a run in which nothing goes wrong: the sum takes the place of the value."""
    weights = {key: np.ones(shape, np.float32) for key, shape in SHAPES.items()}
    for number in range(1, rounds + 1):
        for key, value in weights.items():
            total = gradient(value, 0, number)
            for rank in range(1, workers):
                total = total + gradient(value, rank, number)
            weights[key] = total
    return weights


def copied(payload: Any) -> Any:
    return None if payload is None else np.array(payload).reshape(-1).view(np.uint8)
