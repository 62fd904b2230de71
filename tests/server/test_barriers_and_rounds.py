"""Workers in a barrier are not waited for: who has more batches than others gets to the barrier, too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxtrain as mx
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters import snapshot
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.plain_bytes import from_bytes, to_bytes

ONES = np.ones(2, np.float32).view(np.uint8)
SHAPE = [2, 1]


class Worker:
    """Pushes and pulls key `block` so often between barriers, as `batches` says; what it pushes tells who it is."""

    def __init__(self, rank: int, batches: list[int]) -> None:
        self.rank, self.batches = rank, list(batches)
        self.pushed = self.barriers = 0
        self.waits = self.in_barrier = False

    @property
    def ended(self) -> bool:
        return not self.batches and not self.in_barrier and not self.waits


class Job:
    """A server, workers that have unlike numbers of batches, and the scheduler's barrier."""

    def __init__(self, batches: list[list[int]], mode: str = "sync", staleness: int = m.UNBOUNDED, backups: int = 0):
        self.state = ServerState(0, "job", PrivateMemory(), keeps_previous=True)
        self.state.set_workers({rank: str(rank) for rank in range(len(batches))})
        for rank in range(len(batches)):
            self.state.receive(rank, m.OpenStore(1, 0, mode, staleness, backups), None)
        self.state.receive(0, m.Create(2, 0, [["x", "float32", SHAPE, [2]]]), None)
        sgd = mx.optimizer.create("sgd", learning_rate=1.0, wd=0.0)
        self.state.receive(0, m.SetOptimizer(3, 0, sgd.to_config()), None)
        self.workers = [Worker(rank, counts) for rank, counts in enumerate(batches)]
        self.sums: list[float] = []
        self.value = 0.0

    def tell(self, rank: int, message: object, payload: np.ndarray | None = None) -> None:
        for answer in self.state.receive(rank, message, payload):
            assert not isinstance(answer.message, m.Refused), answer
            if isinstance(answer.message, m.Pulled):
                assert not answer.message.mapped or not self.workers[answer.rank].in_barrier
                self.workers[answer.rank].waits = False
                ((_, _, _, reached),) = answer.message.runs
                self.workers[answer.rank].pushed = reached
        value = -float(self.state.segments[0].values[0])
        if value != self.value:
            self.sums.append(value - self.value)
            self.value = value

    def able(self) -> list[Worker]:
        return [w for w in self.workers if w.batches and not w.waits and not w.in_barrier]

    def step(self, worker: Worker) -> None:
        rank = worker.rank
        if worker.batches[0]:
            worker.batches[0] -= 1
            worker.pushed += 1
            worker.waits = True
            values = np.full(2, 10.0**rank, np.float32).view(np.uint8)
            self.tell(rank, m.Push([[0, 0, 1, worker.pushed]], False), values)
            self.tell(rank, m.Pull([[0, 0, 1, worker.pushed]], True))
            return
        worker.batches.pop(0)
        worker.barriers += 1
        worker.in_barrier = True
        self.tell(rank, m.Sync(7))
        self.tell(rank, m.Rest(8, 0, worker.barriers))
        if all(w.in_barrier or not w.batches for w in self.workers):
            for other in self.workers:
                other.in_barrier = False

    def leave(self, rank: int) -> None:
        self.tell(rank, m.LeaveStore(9, 0))


NUMBERS = st.lists(st.integers(0, 4), min_size=2, max_size=2)


@settings(max_examples=150, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=4), st.randoms(), st.booleans())
def test_sums_do_not_depend_on_the_order_and_nobody_waits_for_ever(batches: list, random, copies: bool) -> None:
    """Two epochs, and a barrier after each: a round sums who has a batch for it."""
    wanted = []
    for epoch in range(2):
        for number in range(max(counts[epoch] for counts in batches)):
            wanted.append(sum(10.0**rank for rank, counts in enumerate(batches) if counts[epoch] > number))
    job = Job(batches)
    while able := job.able():
        job.step(random.choice(able))
        if copies and random.random() < 0.2:
            other = job.state.fresh()
            snapshot.load(other, from_bytes(to_bytes(snapshot.dump(job.state))))
            for rank, worker in enumerate(job.workers):
                if worker.waits:  # as after the death of a server
                    other.receive(rank, m.Pull([[0, 0, 1, worker.pushed]], False), None)
            job.state = other
    assert all(worker.ended for worker in job.workers)
    assert job.sums == wanted


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS, min_size=2, max_size=4), st.randoms(), st.integers(0, 2))
def test_bounded_staleness_and_backup_workers(batches: list, random, bound: int) -> None:
    for job in (Job(batches, "async", bound), Job(batches, backups=min(1 + bound, len(batches) - 1))):
        while able := job.able():
            job.step(random.choice(able))
        assert all(worker.ended for worker in job.workers), [vars(w) for w in job.workers]


def test_who_leaves_in_the_middle_of_a_barrier_of_others() -> None:
    job = Job([[2, 1], [1, 1], [0, 1]])
    for rank in (0, 1):
        job.step(job.workers[rank])
    assert [w.waits for w in job.workers] == [True, True, False]
    job.leave(2)
    for rank in (1, 0, 0):
        job.step(job.workers[rank])
    assert job.sums == [11, 1]
    assert not job.state.stores[0].quorum.resting
    for worker in job.workers:
        worker.in_barrier = False
    job.step(job.workers[1])
    job.step(job.workers[0])
    assert job.sums == [11, 1, 11]


def test_a_process_that_does_again_what_a_dead_one_did_changes_nothing() -> None:
    """It pushes what was pushed, and comes to barriers that are over: others still wait for it."""
    job = Job([[2, 2], [1, 2]])
    for rank in (0, 1, 0, 1, 0, 0, 1):  # worker 1 dies when it has pushed its first batch after the barrier
        job.step(job.workers[rank])
    assert job.sums == [11, 1, 11]
    job.state.change_members(m.Membership([[0, "0"], [1, "new"]], []))
    again = job.workers[1] = Worker(1, [1, 2])
    for _ in range(3):
        job.step(again)
        again.in_barrier = False
    assert job.sums == [11, 1, 11]
    job.step(job.workers[0])
    job.step(again)
    assert job.sums == [11, 1, 11, 11]


@pytest.mark.parametrize("barrier", [1, 2])
def test_nobody_reads_memory_while_in_a_barrier(barrier: int) -> None:
    """What a worker waits for when it comes to a barrier is sent to it, for rounds go on without it."""
    job = Job([[1], [2]])
    job.step(job.workers[0])
    job.tell(0, m.Sync(1))
    job.tell(0, m.Rest(2, 0, barrier))
    answers = job.state.receive(1, m.Push([[0, 0, 1, 1]], False), ONES)
    assert [(a.rank, a.message.mapped, a.lasting) for a in answers] == [(0, False, False)]
