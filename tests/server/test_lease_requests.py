"""Leases and pauses on a server: who is answered when, whom rounds wait for, and what a copy knows of it."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters import snapshot
from mxtrain_server.parameters.lease_requests import MAX_TABLES
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.plain_bytes import from_bytes, to_bytes

VALUES = np.ones(2, np.float32).view(np.uint8)


def new_state(workers: int = 2, mode: str = "sync", staleness: int = m.UNBOUNDED) -> ServerState:
    state = ServerState(0, "job", PrivateMemory(), None, True)
    state.set_workers({rank: str(rank) for rank in range(workers)})
    for rank in range(workers):
        state.receive(rank, m.OpenStore(1, 0, mode, staleness), None)
    state.receive(0, m.Create(2, 0, [["x", "float32", [2], [2]]]), None)
    state.receive(0, m.SetOptimizer(3, 0, mx.optimizer.create("sgd", learning_rate=-1.0).to_config()), None)
    for rank in range(workers):
        (answer,) = state.receive(rank, m.OpenLeases(4, 0, "data", 10, 5, True, 0, ""), None)
        assert answer.message == m.LeasesOpened(4, 0)
    return state


def ask(state: ServerState, rank: int, message: object) -> list[tuple[int, object]]:
    return [(answer.rank, answer.message) for answer in state.receive(rank, message, None)]


def push(state: ServerState, rank: int, number: int) -> list[int]:
    """Push a round; returns the workers whose pulls are answered."""
    return [answer.rank for answer in state.receive(rank, m.Push([[0, 0, 1, number]], False), VALUES)]


def pulled(state: ServerState, rank: int, number: int) -> list[float]:
    """The values of a round, or nothing where it is not complete."""
    return [v for a in state.receive(rank, m.Pull([[0, 0, 1, number]], False), None) for v in a.payload.tolist()[:1]]


def wait(state: ServerState, rank: int, number: int) -> list[tuple[int, object]]:
    """Run out of leases, and wait for news."""
    assert ask(state, rank, m.TakeLease(5, 0, "data", 0, number)) == [(rank, m.Leased(5, "wait", 0, 0))]
    assert ask(state, rank, m.Pause(6, 0, "data", 0, number))[-1] == (rank, m.Done(6))
    answers = ask(state, rank, m.RunOut(7, 0, "data", 0, number, False))
    assert (rank, m.Done(7)) in answers
    return [answer for answer in answers if answer != (rank, m.Done(7))] + ask(
        state, rank, m.AwaitLease(8, 0, "data", 0)
    )


def test_rounds_go_on_without_who_waits_and_all_resume_together() -> None:
    state = new_state()
    for rank in (0, 1):
        assert ask(state, rank, m.TakeLease(5, 0, "data", 0, 0)) == [
            (rank, m.Leased(5, "lease", 5 * rank, 5 * rank + 5))
        ]
        push(state, rank, 1)
    assert wait(state, 1, 1) == []
    push(state, 0, 2)
    push(state, 0, 3)
    assert pulled(state, 0, 3) == [4.0]
    assert wait(state, 0, 1) == [(1, m.Done(8)), (0, m.Done(8))], "the epoch is over"
    assert ask(state, 1, m.Resume(9, 0, "data", 0)) == [(1, m.Done(9))]
    assert pulled(state, 1, 1) == [4.0], "its own first push is behind, its weights are not"
    push(state, 1, 2)
    assert pulled(state, 1, 2) == [], "round 4 needs both"
    assert push(state, 0, 4) == [1]
    assert pulled(state, 0, 4) == [6.0]
    assert ask(state, 0, m.Resume(9, 0, "data", 0)) == [(0, m.Done(9))], "once is enough"


def test_what_a_lost_worker_leaves_brings_another_back() -> None:
    state = new_state()
    for rank in (0, 1):
        ask(state, rank, m.TakeLease(5, 0, "data", 0, 0))
        push(state, rank, 1)
    push(state, 0, 2)
    assert wait(state, 1, 1) == []
    assert ask(state, 0, m.ReportLease(0, "data", 0, 0, 3)) == []
    lost = state.change_members(m.Membership([[1, "1"]], [0]))
    assert (1, m.Done(8)) in [(answer.rank, answer.message) for answer in lost]
    assert ask(state, 1, m.TakeLease(9, 0, "data", 0, 1)) == [(1, m.Leased(9, "back", 3, 5))]
    (refused,) = ask(state, 1, m.Return(10, 0, "data", 0, 1, 1))
    assert "Expected: to come back after round 2, which is done. Received: round 1." in refused[1].reason
    assert ask(state, 1, m.Return(11, 0, "data", 0, 1, 3)) == [(1, m.Done(11))]
    push(state, 1, 2)
    assert pulled(state, 1, 2) == [4.0]
    assert ask(state, 1, m.Return(12, 0, "data", 0, 1, 9)) == [(1, m.Done(12))], "it is back"


def test_a_pause_that_is_over_is_not_begun_again() -> None:
    state = new_state()
    ask(state, 1, m.Pause(6, 0, "data", 0, 1))
    ask(state, 0, m.Resume(9, 0, "data", 0))
    ask(state, 1, m.Pause(6, 0, "data", 0, 1))
    push(state, 0, 1)
    assert pulled(state, 0, 1) == [], "worker 1 is waited for"


def test_bounded_staleness_does_not_wait_for_who_has_no_data() -> None:
    state = new_state(mode="async", staleness=1)
    push(state, 0, 1)
    push(state, 0, 2)
    assert pulled(state, 0, 2) == []
    assert ask(state, 1, m.Pause(6, 0, "data", 0, 0))[-1] == (1, m.Done(6))
    push(state, 0, 3)
    assert pulled(state, 0, 3) == [3.0]


def test_a_copy_knows_leases_and_pauses() -> None:
    state = new_state()
    ask(state, 0, m.TakeLease(5, 0, "data", 0, 0))
    ask(state, 0, m.ReportLease(0, "data", 0, 0, 2))
    ask(state, 1, m.TakeLease(5, 0, "data", 0, 0))
    ask(state, 1, m.TakeLease(5, 0, "data", 0, 1))
    ask(state, 1, m.Pause(6, 0, "data", 0, 1))
    copy = state.fresh()
    snapshot.load(copy, from_bytes(to_bytes(snapshot.dump(state))))
    assert to_bytes(copy.leases.dump()) == to_bytes(state.leases.dump())
    push(copy, 0, 1)
    assert pulled(copy, 0, 1) == [1.0]
    ((_, told),) = ask(copy, 1, m.ExplainLeases(7, 0, "data"))
    assert told.text.startswith(
        "epoch 0 waits for worker 0 (2 of 5 samples done), worker 1 (no lease in hand); 0 samples"
    )


def test_who_leaves_the_store_gives_its_leases_back() -> None:
    state = new_state()
    ask(state, 0, m.TakeLease(5, 0, "data", 0, 0))
    ask(state, 1, m.TakeLease(5, 0, "data", 0, 0))
    assert wait(state, 1, 1) == []
    assert (1, m.Done(8)) in ask(state, 0, m.LeaveStore(6, 0))
    assert ask(state, 1, m.TakeLease(9, 0, "data", 0, 1)) == [(1, m.Leased(9, "back", 0, 5))]
    ask(state, 1, m.LeaveStore(6, 0))
    assert state.leases.tables == {}


def test_a_worker_that_joins_finds_the_epoch_of_the_job() -> None:
    state = new_state(1)
    for number in (0, 1):
        ask(state, 0, m.TakeLease(5, 0, "data", 0, number))
    assert wait(state, 0, 2) == [(0, m.Done(8))]
    state.change_members(m.Membership([[0, "0"], [1, "1"]], []))
    ((_, opened),) = ask(state, 1, m.OpenLeases(4, 0, "data", 10, 5, True, 0, ""))
    assert opened == m.LeasesOpened(4, 1)
    assert {ask(state, rank, m.TakeLease(5, 0, "data", 1, 0))[0][1].outcome for rank in (0, 1)} == {"lease"}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (m.OpenLeases(4, 0, "data", 11, 5, True, 0, ""), "on every worker. Received: Form(samples=11"),
        (m.OpenLeases(4, 0, "data", 10, 5, True, 0, "shuffled by seed 2"), "order='shuffled by seed 2'"),
        (m.OpenLeases(4, 0, "b", 0, 5, True, 0, ""), "Received: 0 samples"),
        (m.OpenLeases(4, 7, "data", 10, 5, True, 0, ""), "Expected: a KVStore that was opened"),
        (m.TakeLease(4, 0, "c", 0, 0), "Expected: leases that were opened. Received: 'c'"),
        (m.TakeLease(4, 0, "data", 2, 0), "Do all workers begin with the same epoch?"),
        (m.RunOut(4, 0, "data", 0, 3, False), "expected lease 0 of epoch 0"),
    ],
)
def test_mistakes_are_named(message: object, words: str) -> None:
    ((rank, refused),) = ask(new_state(), 1, message)
    assert rank == 1
    assert words in refused.reason


def test_tables_are_bounded() -> None:
    state = new_state()
    for number in range(1, MAX_TABLES):
        ask(state, 0, m.OpenLeases(4, 0, str(number), 10, 5, True, 0, ""))
    ((_, refused),) = ask(state, 0, m.OpenLeases(4, 0, "more", 10, 5, True, 0, ""))
    assert "at most 16 tables" in refused.reason
