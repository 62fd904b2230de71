"""What a server answers to messages that are wrong; everything else is tested with workers (tests/kvstore)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState


def server(mode: str = "sync") -> ServerState:
    state = ServerState(0, "job", PrivateMemory())
    state.set_workers({0: "a", 1: "b"})
    for rank in (0, 1):
        state.receive(rank, m.OpenStore(1, 0, mode), None)
    state.receive(0, m.Create(2, 0, [["x", "float32", [4], [4]], ["y", "float32", [], [3, 3]]]), None)
    return state


def raw(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32).view(np.uint8)


@pytest.mark.parametrize(
    ("message", "payload", "says"),
    [
        (m.OpenStore(9, 3, "weekly"), None, "Expected: a mode"),
        (m.OpenStore(9, 0, "async"), None, "dist_async from worker 1"),
        (m.Create(9, 7, []), None, "a KVStore that was opened"),
        (m.Create(9, 0, [["z", "float128", [1], [1]]]), None, "float128"),
        (m.Create(9, 0, [["z", "float32", [1], []]]), None, "blocks of at least one element"),
        (m.Push([[0, 0, 1, 1]], False), None, "a payload as long as"),
        (m.Push([[0, 0, 1, 1]], False), raw(1, 2, 3), "a payload as long as"),
        (m.Push([[0, 0, 1, 1]], False), raw(1, 2, 3, 4, 5), "a payload as long as"),
        (m.Push([[0, 0, 9, 1]], False), raw(1), "expected blocks below 3"),
        (m.Push([[5, 0, 1, 1]], False), raw(1), "a segment of an open KVStore"),
        (m.Push([[0, 0, 1, 2]], False), raw(1, 2, 3, 4), "expected round 1. Received: round 2"),
        (m.Push([[0, 0, 1, 1]], True), None, "no mirror of segment 0"),
        (m.Pull([[0, 2, 2, 1]], False), None, "expected blocks below 3"),
        (m.Explain(9, [[0, 3, 1, 1]]), None, "expected blocks below 3"),
        (m.SetOptimizer(9, 0, {"name": "sgdx", "config": {}}), None, "Cannot find optimizer 'sgdx'"),
        (m.SetOptimizer(9, 0, {"name": "sgd", "config": {"speed": 3}}), None, "'speed'"),
        (m.SetOptimizer(9, 0, {"config": []}), None, "an optimizer's name and config"),
        (m.Command(9, 0, 3, ""), None, "no controller"),
        (m.ReadState(9, 0, 2, 0, 0, 1), None, "the first block of a key. Received: block 2"),
        (m.WriteState(9, 0, 0, 0, 0), raw(1), "Call set_optimizer first"),
        (m.SetProgress(9, 0, {}), None, "Call set_optimizer first"),
        (m.MapSegment(9, 0), None, "shares no memory"),
        (m.Mirror(9, 0, [1, 2, 3, "x"]), None, "shares no memory"),
        (m.Done(9), None, "does not send Done"),
    ],
)
def test_mistakes_are_answered(message: object, payload: np.ndarray | None, says: str) -> None:
    state = server()
    answers = state.receive(1, message, payload)
    assert [(answer.rank, type(answer.message)) for answer in answers] == [(1, m.Refused)]
    assert says in answers[0].message.reason
    assert answers[0].message.request == getattr(message, "request", 0)
    assert [answer.message for answer in state.receive(1, m.Sync(10), None)] == [m.Done(10)]


def test_a_failing_optimizer_is_told_to_everybody() -> None:
    state = server()
    state.receive(0, m.SetOptimizer(3, 0, {"name": "sgd", "config": {}}), None)
    state.stores[0].updates.optimizer.learning_rate_of_nobody = None

    def fails(*args: object) -> None:
        raise ZeroDivisionError("no such luck")

    state.stores[0].updates.apply = fails
    assert state.receive(0, m.Push([[0, 0, 1, 1]], False), raw(1, 2, 3, 4)) == []
    answers = state.receive(1, m.Push([[0, 0, 1, 1]], False), raw(1, 2, 3, 4))
    assert [(answer.rank, answer.message.request) for answer in answers] == [(0, 0), (1, 0)]
    assert "Keys ['x']: the update failed: ZeroDivisionError('no such luck')" in answers[0].message.reason


def test_commands_reach_the_controller() -> None:
    seen: list[tuple[int, str]] = []
    state = ServerState(0, "job", PrivateMemory(), lambda head, body: seen.append((head, body)))
    state.set_workers({0: "a"})
    state.receive(0, m.OpenStore(1, 0, "sync"), None)
    assert [answer.message for answer in state.receive(0, m.Command(2, 0, 5, "text"), None)] == [m.Done(2)]
    assert seen == [(5, "text")]


small = st.integers(0, 3)
runs = st.lists(st.tuples(small, small, st.integers(1, 4), small).map(list), min_size=1, max_size=3)
payloads = st.none() | st.binary(max_size=48).map(lambda data: np.frombuffer(data, np.uint8))
codecs = st.sampled_from([m.NO_CODEC, ["2bit", 0.5], ["2bit", -1.0], ["topk", 0.5], ["fp16", 0.0], ["zip", 0.0]])
anything = st.one_of(
    st.builds(m.Push, runs, st.booleans(), codecs),
    st.builds(m.Pull, runs, st.booleans(), codecs),
    st.builds(m.Write, runs),
    st.builds(m.Explain, small, runs),
    st.builds(m.ReadState, small, small, small, small, small, small),
    st.builds(m.WriteState, small, small, small, small, small),
    st.builds(m.OpenStore, small, small, st.sampled_from(["sync", "async"])),
    st.builds(m.LeaveStore, small, small),
    st.builds(m.Lookup, small, small, st.lists(st.sampled_from(["x", "q"]), max_size=2)),
    st.builds(m.SetOptimizer, small, small, st.sampled_from([{"name": "adam", "config": {}}, {}, {"name": 3}])),
    st.builds(m.GetProgress, small, small),
    st.builds(m.SetProgress, small, small, st.dictionaries(st.text(max_size=3), small, max_size=2)),
    st.builds(m.Farewell, small),
)


@given(st.lists(st.tuples(st.integers(0, 1), anything, payloads), max_size=12))
def test_no_sequence_of_messages_ends_the_server(messages: list) -> None:
    state = server()
    for rank, message, payload in messages:
        for answer in state.receive(rank, message, payload):
            assert "failed on server" not in getattr(answer.message, "reason", ""), (message, answer)
