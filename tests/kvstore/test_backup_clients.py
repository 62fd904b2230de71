"""Backup workers in one process: messages in any order, servers that die; nobody is stuck, nothing counts twice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory_cluster import Cluster, OneProcessMemory

from mxtrain.optimizer import create
from mxtrain_kvstore.distributed.directory import Directory
from mxtrain_kvstore.wire import messages as m

WORKERS, SERVERS = 3, 3
SHAPES = {"a": (3,), "b": (2, 5), "cut": (1500,)}


class Job:
    """Every push is ones, and the learning rate 1: a weight is the number of pushes that counted, negative."""

    def __init__(self, shared: bool, backups: int) -> None:
        self.backups = backups
        self.cluster = Cluster(WORKERS, SERVERS, shared, replicas=1)
        self.directories = []
        for client in self.cluster.clients:
            client.ask_all(m.OpenStore, 0, "sync", m.UNBOUNDED, backups)
            memory = self.cluster.memory if isinstance(self.cluster.memory, OneProcessMemory) else None
            self.directories.append(Directory(client, 0, 1000, memory))
        sgd = create("sgd", learning_rate=1.0, wd=0.0)
        self.cluster.clients[0].ask_all(m.SetOptimizer, 0, sgd.to_config())
        for directory in self.directories:
            directory.add(list(SHAPES), [np.zeros(shape, np.float32) for shape in SHAPES.values()])
        self.outs = [{key: np.zeros(shape, np.float32) for key, shape in SHAPES.items()} for _ in range(WORKERS)]
        self.pushed = [0] * WORKERS
        self.cluster.auto = False

    def waits(self, rank: int) -> bool:
        return any(parameter.awaiting for parameter in self.directories[rank].parameters.values())

    def step(self, rank: int) -> None:
        client = self.directories[rank].client
        for key, parameter in self.directories[rank].parameters.items():
            client.push(parameter, [np.ones(SHAPES[key], np.float32)])
            client.pull(parameter, [self.outs[rank][key]])
        client.flush()
        self.pushed[rank] += 1

    def take(self, rank: int) -> None:
        """Let a worker look at what has come for it."""
        client, queue = self.directories[rank].client, self.cluster.to_worker[rank]
        client.follow_routes()
        while queue:
            client._take(queue.popleft())
        client.flush()

    def deliver(self, rng: np.random.Generator, most: int) -> None:
        for _ in range(most):
            waiting = self.cluster.waiting()
            if not waiting:
                return
            self.cluster.deliver(*waiting[rng.integers(len(waiting))])

    def settle(self) -> None:
        """Deliver until nothing is on its way."""
        for _ in range(20):
            self.cluster.deliver_all()
            for rank in range(WORKERS):
                self.take(rank)
            if not self.cluster.waiting():
                return

    def check(self) -> None:
        """Each round of each block has counted as many pushes as it needs, or more, and no worker's twice."""
        for state in self.cluster.servers:
            for segment in state.segments:
                used = segment.starts[-1]
                counted = np.repeat(segment.completed, np.diff(segment.starts))
                assert (-segment.values[:used] >= (WORKERS - self.backups) * counted).all()
                assert (-segment.values[:used] <= WORKERS * counted).all()
                assert max(segment.completed) - min(segment.completed) <= max(self.pushed)


@pytest.mark.parametrize("shared", [False, True], ids=["sent", "shared"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 30), backups=st.integers(1, 2), kill=st.booleans())
def test_any_order_and_deaths(shared: bool, seed: int, backups: int, kill: bool) -> None:
    rng = np.random.default_rng(seed)
    job = Job(shared, backups)
    slow = int(rng.integers(WORKERS))
    for turn in range(25):
        rank = int(rng.integers(WORKERS))
        job.take(rank)
        if not job.waits(rank) and (rank != slow or rng.random() < 0.4):
            job.step(rank)
        job.deliver(rng, int(rng.integers(12)))
        if kill and turn == 12:
            name = sorted(job.cluster.nodes)[rng.integers(len(job.cluster.nodes))]
            job.cluster.kill(name)
            job.deliver(rng, int(rng.integers(6)))
            job.cluster.shards.teach(list(job.cluster.nodes))
            job.cluster.change_view()
            for client in job.cluster.clients:
                client.follow_routes()
    job.settle()
    assert sum(job.waits(rank) for rank in range(WORKERS)) < WORKERS - backups, "nobody who waits could be waited for"
    for _ in range(3):  # whoever does not wait goes on: nobody is stuck
        for rank in range(WORKERS):
            if not job.waits(rank):
                job.step(rank)
        job.settle()
    job.check()
    passed = [max(p.passed for p in directory.parameters.values()) for directory in job.directories]
    assert passed == [directory.client.counters.passed_over for directory in job.directories]
    newest = max(int(segment.completed.max()) for state in job.cluster.servers for segment in state.segments)
    assert newest >= 2


def test_a_client_goes_on_from_the_round_that_it_is_told() -> None:
    job = Job(False, 1)
    for _ in range(3):
        job.step(0)
        job.step(1)
        job.settle()
    job.step(2)
    job.settle()
    parameter = job.directories[2].parameters["cut"]
    assert (parameter.pushed, parameter.seen, parameter.passed) == (3, 3, 2)
    assert job.outs[2]["cut"][0] == -6
    job.step(2)
    job.step(0)
    job.settle()
    assert job.outs[0]["cut"][0] == job.outs[2]["cut"][-1] == -8
    assert {state.stores[0].late for state in job.cluster.servers} == {1}
