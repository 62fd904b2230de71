"""Workers of a simulated job (see simulation.py) that train on leases: weights count how often each sample was used."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from simulated_worker import Channel, Worker
from simulation import Process, World

from mxtrain.base import MXNetError
from mxtrain.optimizer import create
from mxtrain_kvstore.distributed.directory import Directory
from mxtrain_kvstore.distributed.leases import DistLeases, TableForm
from mxtrain_kvstore.distributed.rows import RowClient
from mxtrain_kvstore.transport.scheduler_client import routes_of
from mxtrain_kvstore.wire import messages as m

SAMPLES, SIZE, BATCH, EPOCHS = 50, 7, 3, 3
#: Keys, each with one element for every sample; the second is cut over all servers.
KEYS = {"small": 1, "cut": 4}
BIGARRAY = 100
UNTIL = 800.0


class LeasedWorker(Worker):
    """Trains in its fiber from the first to the last epoch; one that is started again begins anew."""

    def begin(self) -> None:
        view, rank, name = self.process.view, self.process.rank, self.process.name
        self._of, self._found = view, routes_of(view)
        self.channel = Channel(self.world, self.process, [route.endpoint for route in self._found.primaries])
        client = RowClient(self.channel, rank, UNTIL, lambda: None, self._routes)
        client.greet(lambda shard, epoch: m.Hello(m.PROTOCOL, "job", name, rank, shard, epoch), UNTIL)
        client.ask_all(m.OpenStore, 0, "sync")
        if rank == 0:
            client.ask_all(m.SetOptimizer, 0, create("sgd", learning_rate=-1.0).to_config())
        directory = Directory(client, 0, BIGARRAY)
        directory.add(list(KEYS), [np.zeros((SAMPLES, width), np.float32) for width in KEYS.values()])
        self._train(client, directory)

    def _train(self, client: RowClient, directory: Directory) -> None:
        form = TableForm(SAMPLES, SIZE, self.world.in_turn, "")
        store: Any = SimpleNamespace(joins=False)
        leases = DistLeases(store, client, 0, directory.parameters, "data", form, 0, pauses=True, joined=False)
        weights = {key: np.zeros((SAMPLES, width), np.float32) for key, width in KEYS.items()}

        def pulls() -> None:
            for key, parameter in directory.parameters.items():
                client.pull(parameter, [weights[key]])

        leases.on_return = pulls
        for _ in range(EPOCHS):
            while (lease := leases.take()) is not None:
                for first in range(lease.start, lease.stop, BATCH):
                    stop = min(first + BATCH, lease.stop)
                    leases.hand_out(stop - lease.start)
                    self.round += 1
                    for key, parameter in directory.parameters.items():
                        gradient = np.zeros((SAMPLES, KEYS[key]), np.float32)
                        gradient[first:stop] = 1
                        client.push(parameter, [gradient])
                    pulls()
                    client.flush()
            leases.next_epoch()
        for parameter in directory.parameters.values():
            client.settle(parameter)
        self.world.done[self.process.rank] = {key: value.copy() for key, value in weights.items()}

    def go_on(self) -> None:
        if not self.fiber.ended and self.channel.waits:
            self.fiber.resume()


class LeasedWorld(World):
    """A job of such workers. lost: so many workers die for good."""

    make_worker = LeasedWorker

    def __init__(self, seed: int, in_turn: bool, lost: int = 0, **how: Any) -> None:
        super().__init__(seed, **how)
        self.in_turn = in_turn
        self._may_lose = lost

    def _kill(self, process: Process) -> None:
        workers = [p.worker for p in self.processes.values() if p.alive and p.role == "worker"]
        initialized = all(worker is not None and worker.round for worker in workers)
        if process.role == "worker" and initialized and not self.done and len(self.lost) < self._may_lose:
            self.lost.add(process.rank)
        super()._kill(process)

    def _give_up(self, name: str) -> None:
        process = self.processes[name]
        if process.role != "worker" or process.rank not in self.done:  # who has finished does not come back
            super()._give_up(name)


def check_leases(seed: int, in_turn: bool, lost: int = 0, **how: Any) -> LeasedWorld:
    """Run a job; raises AssertionError, which names the seed, unless every sample counts once an epoch.

    Of a worker that is lost for good, the batch that was under way may count twice, for some keys or all, and so may
    the one before, where the report of it was lost, too.
    """
    world = LeasedWorld(seed, in_turn, lost, **how)
    try:
        world.run()
    except MXNetError as error:
        raise AssertionError(f"seed {seed}: {error}; killed {world.job.killed}\n{world.report()}") from error
    for rank, weights in world.done.items():
        for key, value in weights.items():
            twice = value - EPOCHS
            told = f"seed {seed}: worker {rank}, key {key}: {twice}; lost {world.lost}, killed {world.job.killed}"
            assert twice.min() >= 0, told
            assert twice.sum(0).max() <= 2 * BATCH * len(world.lost), told
    return world
