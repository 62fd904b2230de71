"""Bounded staleness: who is too far ahead waits for its values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mxtrain as mx
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters import snapshot
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState

VALUES = np.ones(2, np.float32).view(np.uint8)


def new_state(workers: int, staleness: int, optimizer: str = "sgd") -> ServerState:
    state = ServerState(0, "job", PrivateMemory())
    state.set_workers({rank: str(rank) for rank in range(workers)})
    for rank in range(workers):
        (answer,) = state.receive(rank, m.OpenStore(1, 0, "async", staleness), None)
        assert answer.message == m.Done(1)
    state.receive(0, m.Create(2, 0, [["x", "float32", [2], [2]]]), None)
    state.receive(0, m.SetOptimizer(3, 0, mx.optimizer.create(optimizer, learning_rate=1.0).to_config()), None)
    return state


def push(state: ServerState, rank: int, number: int) -> list[int]:
    """Push a round; returns the workers whose pulls are answered."""
    return [answer.rank for answer in state.receive(rank, m.Push([[0, 0, 1, number]], False), VALUES)]


def pull(state: ServerState, rank: int, number: int) -> bool:
    """Whether a pull is answered at once."""
    return bool(state.receive(rank, m.Pull([[0, 0, 1, number]], False), None))


@given(
    st.integers(0, 4),
    st.integers(1, 4),
    st.lists(st.integers(0, 3), max_size=60),
    st.sampled_from(["sgd", "lamb"]),
)
def test_nobody_gets_more_than_that_ahead(staleness: int, workers: int, turns: list[int], optimizer: str) -> None:
    state = new_state(workers, staleness, optimizer)
    pushed, waiting = dict.fromkeys(range(workers), 0), set()
    for rank in (turn % workers for turn in turns):
        if rank in waiting:
            continue
        pushed[rank] += 1
        for other in push(state, rank, pushed[rank]):
            waiting.remove(other)
        if not pull(state, rank, pushed[rank]):
            waiting.add(rank)
        slowest = min(pushed.values())
        assert waiting == {rank for rank, number in pushed.items() if number - slowest > staleness}


def test_who_leaves_or_dies_is_not_waited_for() -> None:
    state = new_state(3, 1)
    assert push(state, 0, 1) == []
    assert pull(state, 0, 1)
    push(state, 0, 2)
    assert not pull(state, 0, 2)
    (told,) = state.receive(0, m.Explain(9, [[0, 0, 1, 2]]), None)
    assert told.message.text == "server 0 waits for the push of key(s) 'x' by worker(s) 1, 2"
    assert [answer.message for answer in state.receive(1, m.LeaveStore(4, 0), None)] == [m.Done(4)]
    lost = m.Membership([[0, "0"], [1, "1"]], [2])
    (answer,) = state.change_members(lost)
    assert (answer.rank, answer.payload.tolist()) == (0, [-2, -2])


def test_a_copy_goes_on_with_it() -> None:
    state = new_state(2, 2)
    for number in (1, 2, 3):
        push(state, 0, number)
    other = state.fresh()
    snapshot.load(other, snapshot.dump(state))
    assert not pull(other, 0, 3)
    assert push(other, 1, 1) == [0]


def test_all_workers_want_the_same() -> None:
    state = new_state(1, 2)
    (answer,) = state.receive(1, m.OpenStore(5, 0, "async", 3), None)
    assert "MXTRAIN_STALENESS=2 on every worker. Received: 3" in answer.message.reason


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_without_a_bound_nothing_changes(mode: str) -> None:
    state = ServerState(0, "job", PrivateMemory())
    state.set_workers({0: "a", 1: "b"})
    (answer,) = state.receive(0, m.OpenStore(1, 0, mode), None)
    assert answer.message == m.Done(1)
    assert state.stores[0].staleness is None
