"""Pushes and pulls of single rows as a server takes them: rounds, parts, duplicates, and messages that are wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters import snapshot
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.row_pieces import RowsPiece
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.plain_bytes import from_bytes, to_bytes

SHAPE = (5, 2)


def server(mode: str = "sync", optimizer: dict | None = None, keeps_previous: bool = False) -> ServerState:
    """A table of five rows in two blocks, whose edge is within a row; two workers."""
    state = ServerState(0, "job", PrivateMemory(), keeps_previous=keeps_previous)
    state.set_workers({0: "a", 1: "b"})
    for rank in (0, 1):
        state.receive(rank, m.OpenStore(1, 0, mode), None)
    state.receive(0, m.Create(2, 0, [["w", "float32", [3], [3]], ["t", "float32", list(SHAPE), [3, 7]]]), None)
    if optimizer is not None:
        state.receive(0, m.SetOptimizer(3, 0, optimizer), None)
    return state


def payload(rows: list[int], value: float = 1.0, width: int = 2) -> np.ndarray:
    values = np.full((len(rows), width), value, np.float32)
    return np.concatenate([np.array(rows, np.int64).view(np.uint8), values.reshape(-1).view(np.uint8)])


def push(state: ServerState, rank: int, number: int, rows: list[int], value: float = 1.0) -> list:
    return state.receive(rank, m.PushRows(0, 1, number, 0, len(rows), True), payload(rows, value))


def table(state: ServerState) -> list[list[float]]:
    return state.segments[0].values[3:13].reshape(SHAPE).tolist()


def pull(state: ServerState, rank: int, number: int, rows: list[int]) -> list:
    return state.receive(rank, m.PullRows(8, 0, 1, number, False), np.array(rows, np.int64).view(np.uint8))


SGD = {"name": "sgd", "config": {"learning_rate": 1.0, "momentum": 0.5}}


def test_a_round_is_complete_when_every_worker_has_pushed_rows_or_nothing() -> None:
    state = server(optimizer=SGD)
    assert push(state, 0, 1, [0, 4]) == []
    assert pull(state, 1, 1, [0, 1, 4]) == []
    (answer,) = push(state, 1, 1, [])
    assert (answer.rank, answer.message) == (1, m.PulledRows(8, 1, False))
    assert answer.payload.tolist() == [-1, -1, 0, 0, -1, -1]
    push(state, 0, 2, [4])
    push(state, 1, 2, [1])
    # a lazy update: the momentum of row 0 stands still
    assert table(state) == [[-1, -1], [-1, -1], [0, 0], [0, 0], [-2.5, -2.5]]


def test_without_an_optimizer_the_sum_takes_the_place_of_the_value() -> None:
    state = server()
    push(state, 0, 0, [0, 1, 2])  # initial values
    assert table(state) == [[1, 1], [1, 1], [1, 1], [0, 0], [0, 0]]
    push(state, 0, 1, [1], 2.0)
    push(state, 1, 1, [1, 3], 3.0)
    assert table(state) == [[0, 0], [5, 5], [0, 0], [3, 3], [0, 0]]


def test_a_push_in_parts_counts_when_it_is_whole() -> None:
    state = server()
    push(state, 1, 1, [])
    assert state.receive(0, m.PushRows(0, 1, 1, 0, 3, True), payload([1, 2])) == []
    copy = state.fresh()
    snapshot.load(copy, from_bytes(to_bytes(snapshot.dump(state))))
    for one in (state, copy):
        assert table(one) == [[0, 0]] * 5
        one.receive(0, m.PushRows(0, 1, 1, 2, 3, True), payload([4]))
        assert table(one) == [[0, 0], [1, 1], [1, 1], [0, 0], [1, 1]]


def test_a_push_that_another_process_begins_again() -> None:
    state = server()
    state.receive(0, m.PushRows(0, 1, 1, 0, 3, True), payload([1, 2]))
    push(state, 0, 1, [4])
    push(state, 1, 1, [])
    assert table(state) == [[0, 0]] * 4 + [[1, 1]]


def test_a_push_that_came_before_is_dropped() -> None:
    state = server("async", SGD)
    for _ in range(3):
        push(state, 0, 1, [0])
    assert table(state)[0] == [-1, -1]
    assert state.stores[0].duplicates == 2


def test_one_worker_pushes_rows_and_the_other_everything() -> None:
    state = server(optimizer=SGD)
    push(state, 0, 1, [2])
    everything = np.arange(10, dtype=np.float32)
    state.receive(1, m.Push([[0, 1, 2, 1]], False), everything.view(np.uint8))
    expected = -everything.reshape(SHAPE)
    expected[2] -= 1
    assert table(state) == expected.tolist()


def test_the_round_before_is_kept_for_who_takes_the_place_of_a_dead_worker() -> None:
    state = server(optimizer={"name": "sgd", "config": {"learning_rate": 1.0}}, keeps_previous=True)
    rows_of = [[0, 1], [1, 2], [], [4], [0]]
    for number, rows in enumerate(rows_of, 1):
        before = np.array(table(state))
        push(state, 0, number, rows)
        push(state, 1, number, [3])
        assert state.segments[0].previous[3:13].reshape(SHAPE).tolist() == before.tolist()
        (old,) = pull(state, 0, number - 1, [0, 1, 2, 3, 4])
        assert old.payload.reshape(SHAPE).tolist() == before.tolist()


def test_pulls_of_who_has_left_are_forgotten() -> None:
    state = server()
    push(state, 0, 1, [0])
    pull(state, 0, 1, [0])
    state.receive(0, m.LeaveStore(5, 0), None)
    assert push(state, 1, 1, [0]) == []


@pytest.mark.parametrize(
    ("message", "raw", "says"),
    [
        (m.PushRows(0, 1, 1, 0, 2, True), payload([3, 1]), "expected rising numbers of rows"),
        (m.PushRows(0, 1, 1, 0, 2, True), payload([1, 1]), "expected rising numbers of rows"),
        (m.PushRows(0, 1, 1, 0, 1, True), payload([5]), "expected rising numbers of rows"),
        (m.PushRows(0, 1, 1, 0, 1, True), payload([-1]), "expected rising numbers of rows"),
        (m.PushRows(0, 1, 1, 0, 1, True), payload([1 << 62]), "expected rising numbers of rows"),
        (m.PushRows(0, 1, 1, 0, 2, True), payload([1, 2])[:-1], "expected rows of 2 float32 values"),
        (m.PushRows(0, 1, 1, 0, 1, True), payload([1, 2]), "Received: 2 from 0 on, of 1"),
        (m.PushRows(0, 1, 1, 1, 2, True), payload([2]), "from number 0 on. Received: 1 from 1 on"),
        (m.PushRows(0, 1, 1, 0, 6, True), payload([1]), "expected at most 5 rows"),
        (m.PushRows(0, 1, 1, 0, 3, True), None, "expected rows. Received: none"),
        (m.PushRows(0, 1, 2, 0, 1, True), payload([1]), "expected round 1. Received: round 2"),
        (m.PushRows(0, 2, 1, 0, 1, True), payload([1]), "the first block of a key. Received: block 2"),
        (m.PushRows(0, 9, 1, 0, 1, True), payload([1]), "expected blocks below 3"),
        (m.PushRows(7, 1, 1, 0, 1, True), payload([1]), "a segment of an open KVStore"),
        (m.PullRows(8, 0, 1, 0, False), np.zeros(7, np.uint8), "numbers of rows. Received: 7 bytes"),
        (m.PullRows(8, 0, 1, 0, False), np.array([4, 5]).view(np.uint8), "expected rising numbers of rows"),
        (m.PullRows(8, 0, 1, 0, False), np.array([2, 2]).view(np.uint8), "expected rising numbers of rows"),
        (m.PullRows(8, 0, 1, 0, False), np.zeros(1 << 22, np.int64).view(np.uint8), "rows of at most"),
        (m.PullRows(8, 0, 2, 0, False), None, "the first block of a key"),
    ],
)
def test_mistakes_are_answered_and_change_nothing(message: object, raw: np.ndarray | None, says: str) -> None:
    state = server()
    before = snapshot.dump(state)["segments"][0]["values"].tobytes()
    (answer,) = state.receive(1, message, raw)
    assert (answer.rank, type(answer.message)) == (1, m.Refused)
    assert says in answer.message.reason
    assert snapshot.dump(state)["segments"][0]["values"].tobytes() == before
    push(state, 0, 1, [0])
    push(state, 1, 1, [0])
    assert table(state)[0] == [2, 2]


def test_a_store_without_an_optimizer_that_is_asynchronous_refuses() -> None:
    (answer,) = push(server("async"), 0, 1, [0])
    assert "call set_optimizer" in answer.message.reason


def test_an_optimizer_that_fails_is_told_to_all() -> None:
    state = server(optimizer={"name": "adagrad", "config": {"wd": 0.1}})
    push(state, 0, 1, [0])
    answers = push(state, 1, 1, [0])
    assert [answer.rank for answer in answers] == [0, 1]
    assert all("expected no weight decay" in answer.message.reason for answer in answers)


@given(st.data())
def test_any_part_of_rows_as_dense_values(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 4))
    rows = sorted(data.draw(st.sets(st.integers(0, 6))))
    values = np.arange(1, len(rows) * length + 1, dtype=np.float32)
    dense = np.zeros((7, length), np.float32)
    dense[rows] = values.reshape(len(rows), length)
    piece = RowsPiece(0, 0, 3, 100, values, 3, np.array(rows, np.int64), length, True)
    start = data.draw(st.integers(0, 7 * length))
    stop = data.draw(st.integers(start, 7 * length))
    assert piece.part(100 + start, 100 + stop).tolist() == dense.reshape(-1)[start:stop].tolist()


def test_rows_wait_for_the_slowest_worker_where_staleness_is_bounded() -> None:
    state = ServerState(0, "job", PrivateMemory())
    state.set_workers({0: "a", 1: "b"})
    for rank in (0, 1):
        state.receive(rank, m.OpenStore(1, 0, "async", 1), None)
    state.receive(0, m.Create(2, 0, [["w", "float32", [3], [3]], ["t", "float32", list(SHAPE), [3, 7]]]), None)
    state.receive(0, m.SetOptimizer(3, 0, SGD), None)
    push(state, 0, 1, [0])
    assert len(pull(state, 0, 1, [0])) == 1
    push(state, 0, 2, [0])
    assert pull(state, 0, 2, [0]) == []
    (answer,) = push(state, 1, 1, [1])
    assert (answer.rank, answer.message.round, answer.payload.tolist()) == (0, 2, [-2.5, -2.5])
