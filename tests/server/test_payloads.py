"""Encoded payloads: their length follows from the codec, and a push or pull that lies is refused."""

import numpy as np
import pytest

from mxtrain_kvstore.compression.parameters import CODECS
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState

VALUES = np.linspace(-2, 2, 37, dtype=np.float32)


@pytest.fixture
def state() -> ServerState:
    state = ServerState(0, "job", PrivateMemory())
    state.set_workers({0: "a"})
    state.receive(0, m.OpenStore(1, 0, "sync"), None)
    entries = [["x", "float32", [37], [20, 17]], ["y", "float16", [4], [4]]]
    state.receive(0, m.Create(2, 0, entries), None)
    return state


@pytest.mark.parametrize("name", CODECS)
def test_values_are_decoded_before_they_are_summed(state: ServerState, name: str) -> None:
    codec = CODECS[name]()
    parts = [VALUES] if codec.elementwise else [VALUES[:20], VALUES[20:]]
    payload = np.concatenate([codec.encode(part) for part in parts])
    assert state.receive(0, m.Push([[0, 0, 2, 1]], False, codec.form), payload) == []
    (answer,) = state.receive(0, m.Pull([[0, 0, 2, 1]], False), None)
    expected = np.concatenate([codec.decode(codec.encode(part), part.size) for part in parts])
    np.testing.assert_array_equal(answer.payload, expected)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("more", [-1, 1, 4, None])
def test_a_lying_length_is_refused(state: ServerState, name: str, more: int | None) -> None:
    codec = CODECS[name]()
    lengths = [37] if codec.elementwise else [20, 17]
    size = sum(map(codec.encoded_size, lengths))
    payload = None if more is None else np.zeros(size + more, np.uint8)
    (answer,) = state.receive(0, m.Push([[0, 0, 2, 1]], False, codec.form), payload)
    assert "a payload as long as" in answer.message.reason
    assert not state.segments[0].pushed_by(0).any()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (m.Push([[1, 0, 1, 1]], False, ["2bit", 0.5]), "only supported for float32"),
        (m.Push([[0, 0, 1, 1]], False, ["zip", 0.0]), "Expected: a codec"),
        (m.Push([[0, 0, 1, 1]], False, ["2bit", -1.0]), "threshold must be greater than 0"),
        (m.Pull([[0, 0, 1, 0]], False, ["2bit", 0.5]), "one of fp16, bf16"),
        (m.Pull([[1, 0, 1, 0]], False, ["fp16", 0.0]), "only supported for float32"),
    ],
)
def test_codecs_that_do_not_fit_are_refused(state: ServerState, message: object, words: str) -> None:
    (answer,) = state.receive(0, message, np.zeros(8, np.uint8) if isinstance(message, m.Push) else None)
    assert words in answer.message.reason


@pytest.mark.parametrize("name", ["fp16", "bf16"])
def test_values_go_back_encoded(state: ServerState, name: str) -> None:
    codec = CODECS[name]()
    state.receive(0, m.Push([[0, 0, 2, 1]], False), VALUES.view(np.uint8))
    (answer,) = state.receive(0, m.Pull([[0, 0, 2, 1]], False, codec.form), None)
    assert answer.message == m.Pulled([[0, 0, 2, 1]], False, codec.form)
    assert answer.payload.tobytes() == codec.encode(VALUES).tobytes()
