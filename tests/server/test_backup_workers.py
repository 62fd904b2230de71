"""Backup workers: a round is complete when all but so many have pushed it, and who comes later is passed over."""

import itertools

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

ROWS = 4


class Job:
    """One server and workers that push and pull one key; a model of what should come of it beside them.

    A push by rank r is 10**r in every element, so that the value tells who was in which sum.
    """

    def __init__(self, workers: int, backups: int, blocks: int = 1, rows: bool = False, optimizer: str = "sgd") -> None:
        self.rows, self.blocks, self.backups, self.started = rows, blocks, backups, workers
        self.state = ServerState(0, "job", PrivateMemory(), keeps_previous=True)
        self.copy: ServerState | None = None
        self.is_plain = optimizer == "sgd"
        self.state.set_workers({rank: str(rank) for rank in range(workers)})
        for rank in range(workers):
            (answer,) = self.state.receive(rank, m.OpenStore(1, 0, "sync", backups=backups), None)
            assert answer.message == m.Done(1)
        self.state.receive(0, m.Create(2, 0, [["x", "float32", [ROWS * blocks, 2], [2 * ROWS] * blocks]]), None)
        sgd = mx.optimizer.create(optimizer, learning_rate=1.0, wd=0.0)
        self.state.receive(0, m.SetOptimizer(3, 0, sgd.to_config()), None)
        self.pushed = dict.fromkeys(range(workers), 0)  # as the workers count
        self.waiting: set[int] = set()
        self.active = set(range(workers))
        self.round, self.value, self.late = 0, 0.0, 0
        self.came: dict[int, set[int]] = {}

    def begin_copy(self) -> None:
        """From now on another server follows."""
        self.copy = self.state.fresh()
        snapshot.load(self.copy, from_bytes(to_bytes(snapshot.dump(self.state))))

    def tell(self, rank: int, command: object, payload: np.ndarray | None = None) -> list:
        if self.copy is not None:
            self.copy.receive(rank, command, payload)
        return self.state.receive(rank, command, payload)

    def step(self, rank: int) -> None:
        """A worker that does not wait pushes, and pulls."""
        self.pushed[rank] += 1
        number = self.pushed[rank]
        if self.rows:
            ids = np.arange(0, ROWS * self.blocks, 2, dtype=np.int64)
            values = np.full((len(ids), 2), 10.0**rank, np.float32)
            payload = np.concatenate([ids.view(np.uint8), values.reshape(-1).view(np.uint8)])
            answers = self.tell(rank, m.PushRows(0, 0, number, 0, len(ids), True), payload)
        else:
            values = np.full(2 * ROWS * self.blocks, 10.0**rank, np.float32)
            answers = self.tell(rank, m.Push([[0, 0, self.blocks, number]], False), values.view(np.uint8))
        if number <= self.round:
            self.late += 1
        else:
            self.came.setdefault(number, set()).add(rank)
        self._complete()
        self._take(answers)
        self.waiting.add(rank)
        self._take(self.state.receive(rank, m.Pull([[0, 0, self.blocks, number]], False), None))
        self.check()

    def leave(self, rank: int) -> None:
        self.active.discard(rank)
        self.waiting.discard(rank)
        del self.pushed[rank]
        answers = self.tell(rank, m.LeaveStore(9, 0))
        self._complete()
        self._take(answers)
        if self.active:
            self.check()

    def _complete(self) -> None:
        """Rounds that as many have pushed as are needed, by the model."""
        while self.active:
            reached = sum(self.pushed[rank] > self.round for rank in self.active)
            if reached < min(len(self.active), max(1, self.started - self.backups)):
                return
            self.round += 1
            self.value -= sum(10.0**rank for rank in self.came.pop(self.round))

    def _take(self, answers: list) -> None:
        for answer in answers:
            if isinstance(answer.message, m.Pulled):
                ((_, _, blocks, reached),) = answer.message.runs
                assert (blocks, reached) == (self.blocks, self.round), (answer, self.round)
                touched = answer.payload.reshape(-1, 2)[:: 2 if self.rows else 1]
                assert not self.is_plain or np.array_equal(touched, np.full_like(touched, self.value))
                self.waiting.remove(answer.rank)
                self.pushed[answer.rank] = max(self.pushed[answer.rank], reached)
            else:
                assert isinstance(answer.message, m.Done), answer

    def check(self) -> None:
        store = self.state.stores[0]
        assert store.late == self.late
        assert set(store.segments[0].completed.tolist()) == {self.round}
        assert self.waiting == {rank for rank in self.active if self.pushed[rank] > self.round}
        assert self.waiting < self.active, "nobody can go on"
        assert store.segments[0].previous is None


@pytest.mark.parametrize("rows", [False, True], ids=["dense", "rows"])
def test_three_workers_one_backup_in_every_order(rows: bool) -> None:
    rounds, late = 0, 0
    for turns in itertools.product(range(3), repeat=5):
        job = Job(3, 1, rows=rows)
        for rank in turns:
            if rank not in job.waiting:
                job.step(rank)
        rounds, late = rounds + job.round, late + job.late
    assert rounds > 0
    assert late > 0


def test_who_was_passed_over_goes_on_with_the_others() -> None:
    job = Job(3, 1)
    for rank in (0, 1, 0, 1, 0, 1):
        job.step(rank)
    assert job.value == -3 * 11
    job.step(2)  # round 1 is over: it hears that round 3 is
    assert (job.late, job.pushed[2], job.value) == (1, 3, -33)
    job.step(2)
    job.step(0)
    assert job.value == -33 - 101


@settings(max_examples=150, deadline=None)
@given(
    st.integers(2, 5),
    st.integers(1, 4),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 19)), max_size=40),
    st.booleans(),
    st.sampled_from(["sgd", "adam", "lamb"]),
)
def test_copies_and_leaving_workers(
    workers: int, backups: int, blocks: int, turns: list[tuple[int, int]], rows: bool, optimizer: str
) -> None:
    """Any job in which workers push and leave: a copy that begins anywhere ends with the same bits."""
    backups = min(backups, workers - 1)
    job = Job(workers, backups, blocks, rows, optimizer)
    for turn, (rank, what) in enumerate(turns):
        rank %= workers
        if rank not in job.active or rank in job.waiting:
            continue
        if what == 0 and len(job.active) > 1:
            job.leave(rank)
        else:
            job.step(rank)
        if turn == len(turns) // 2:
            job.begin_copy()
    if job.copy is not None:
        assert to_bytes(snapshot.dump(job.copy)) == to_bytes(snapshot.dump(job.state))


def test_hyper_parameters_change_for_the_rounds_to_come() -> None:
    """Worker 0, who is behind, changes the learning rate: what is over stays, the next round has it."""
    job = Job(3, 1)
    for rank in (1, 2, 1, 2):
        job.step(rank)
    job.state.receive(0, m.ChangeOptimizer(0, mx.optimizer.create("sgd", learning_rate=2.0).hyper_parameters()), None)
    job.state.receive(1, m.Push([[0, 0, 1, 3]], False), np.ones(8, np.float32).view(np.uint8))
    job.state.receive(2, m.Push([[0, 0, 1, 3]], False), np.ones(8, np.float32).view(np.uint8))
    assert job.state.segments[0].values[0] == -2 * 110 - 2 * 2


def test_a_worker_that_joins_is_needed_too() -> None:
    job = Job(3, 1)
    job.step(0)
    job.step(1)
    (answer,) = job.state.receive(3, m.JoinStore(5, 0, 1), None)
    assert answer.message == m.Done(5)
    values = np.ones(8, np.float32).view(np.uint8)
    for rank in (0, 1):
        assert not job.state.receive(rank, m.Push([[0, 0, 1, 2]], False), values)
    assert job.state.segments[0].completed.tolist() == [1]
    job.state.receive(3, m.Push([[0, 0, 1, 2]], False), values)
    assert job.state.segments[0].completed.tolist() == [2]


def test_they_need_an_optimizer() -> None:
    """A sum that a worker has not seen would be lost for it."""
    state = ServerState(0, "job", PrivateMemory())
    state.set_workers({0: "0", 1: "1"})
    state.receive(0, m.OpenStore(1, 0, "sync", backups=1), None)
    state.receive(0, m.Create(2, 0, [["x", "float32", [2], [2]]]), None)
    (answer,) = state.receive(0, m.Push([[0, 0, 1, 1]], False), np.ones(2, np.float32).view(np.uint8))
    assert "call set_optimizer before the first push" in answer.message.reason


def test_all_workers_want_as_many() -> None:
    job = Job(2, 1)
    (answer,) = job.state.receive(1, m.OpenStore(5, 0, "sync", backups=2), None)
    assert "MXTRAIN_BACKUP_WORKERS=1 on every worker. Received: 2" in answer.message.reason


@pytest.mark.parametrize("number", [3, 7])
def test_a_round_out_of_turn_is_refused(number: int) -> None:
    job = Job(3, 1)
    job.step(0)
    job.step(1)
    (answer,) = job.state.receive(2, m.Push([[0, 0, 1, number]], False), np.ones(8, np.float32).view(np.uint8))
    assert f"expected round 2. Received: round {number}" in answer.message.reason
