"""Backup workers in whole jobs in simulated time: nobody hangs, and each round sums as many as it needs."""

import numpy as np
import pytest
from simulated_worker import SHAPES, Worker
from simulation import Plan, World

from mxtrain.optimizer import create
from mxtrain_kvstore.distributed.rows import RowClient
from mxtrain_kvstore.wire import messages as m

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]


class BackupWorker(Worker):
    """Pushes ones, by which a weight tells how many pushes have counted; ends with the others."""

    def open_store(self, client: RowClient) -> None:
        client.ask_all(m.OpenStore, 0, "sync", m.UNBOUNDED, 1)
        client.ask_all(m.SetOptimizer, 0, create("sgd", learning_rate=1.0, wd=0.0).to_config())

    def gradient(self, key: str) -> np.ndarray:
        return np.ones(SHAPES[key], np.float32)

    def go_on(self) -> None:
        """A worker that was passed over is at the round of the others."""
        if self.directory is not None and self.process.alive and not self.channel.waits:
            for incoming in self.channel.receive(0.0):
                self.directory.client._take(incoming)
            if not self.waiting():
                furthest = max(parameter.pushed for parameter in self.directory.parameters.values())
                self.round = min(furthest, self.world.plan.rounds)
        was_done = self.process.rank in self.world.done
        super().go_on()
        if self.process.rank in self.world.done and not was_done and self.directory is not None:
            for server in range(self.channel.num_servers):  # who is behind shall not wait for it
                self.directory.client._request(server, m.LeaveStore, (0,), None)


class BackupWorld(World):
    make_worker = BackupWorker


def check(seed: int, **how: object) -> None:
    world = BackupWorld(seed, plan=Plan(**how))  # type: ignore[arg-type]
    world.run()
    replicas = [r for p in world.processes.values() if p.alive and p.node is not None for r in p.node.replicas.values()]
    segments = [segment for replica in replicas for segment in replica.state.segments if segment is not None]
    for segment in segments:  # none, where all have left
        rounds = np.repeat(segment.completed, np.diff(segment.starts))
        counted = 1 - segment.values[: segment.starts[-1]]
        told = f"seed {seed}: {segment.names(0, segment.num_blocks)}: {counted} in {rounds}; killed {world.job.killed}"
        least = 1 if world.job.killed else 2  # who has ended may have been needed for a key that is behind
        assert (counted >= least * rounds).all(), told
        assert (counted <= 3 * rounds).all(), told


def test_nothing_goes_wrong() -> None:
    for seed in range(5):
        check(seed, deaths=0, breaks=0.0, doubles=0.0)


def test_processes_die_and_are_replaced() -> None:
    for seed in range(100, 120):
        check(seed, deaths=4, death_spacing=0.5)


def test_nodes_are_cut_off() -> None:
    for seed in range(200, 205):
        check(seed, deaths=2, death_spacing=0.5, cuts=2)
