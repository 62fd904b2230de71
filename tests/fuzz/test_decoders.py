"""Every decoder of bytes from outside returns or raises MXNetError; a longer, guided run is coverage_guided.py."""

import logging
from collections.abc import Iterator

import numpy as np
import pytest
from decoders import Decoder, decoders
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxtrain.base import MXNetError
from mxtrain.dtypes import as_dtype
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import WireError
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.plain_bytes import to_bytes
from mxtrain_server.replication.replica import Replica

#: Bytes at which numbers and formats change their meaning.
EDGES = bytes([0, 1, 0x7F, 0x80, 0x90, 0xC0, 0xC1, 0xCF, 0xDD, 0xFF])


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What servers log of refused messages is not of interest here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@st.composite
def changed(draw: st.DrawFn, decoder: Decoder) -> bytes:
    """An example with a few bytes replaced, cut out or put in; or any bytes."""
    data = draw(st.sampled_from(decoder.examples) | st.binary(max_size=100))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        piece = draw(st.binary(max_size=8) | st.sampled_from([EDGES[i : i + 1] for i in range(len(EDGES))]))
        data = data[:start] + piece + data[start + length :]
    return data


@pytest.mark.parametrize("name", sorted(decoders()))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_nothing_but_our_errors(name: str, data: st.DataObject) -> None:
    decoder = decoders()[name]
    decoder.survives(data.draw(changed(decoder)))


@pytest.mark.parametrize("name", sorted(set(decoders()) - {"copy", "shared_memory"}))
def test_examples_mean_something(name: str) -> None:
    decoder = decoders()[name]
    assert all(decoder.survives(example) for example in decoder.examples[:1])


@pytest.mark.parametrize("name", [",int64", "i4,", "(2,)f4", "O", "f4:", ""])
def test_names_that_numpy_parses_are_no_dtypes(name: str) -> None:
    with pytest.raises(MXNetError, match="Expected: a dtype of"):
        as_dtype(name)


def test_a_broken_snapshot_changes_nothing() -> None:
    replica = Replica(0, ServerState(0, "job", PrivateMemory()))
    tree = {**replica._dump(), "workers": [[0, "node0"]]}
    whole = to_bytes(tree)
    for data in (whole[:-3], to_bytes({**tree, "state": {}}), to_bytes({**tree, "sessions": [["n", {"rank": 0}]]})):
        with pytest.raises(WireError):
            replica.assemble(m.SnapshotPart(0, 1, 9, 0, len(data)), np.frombuffer(data, np.uint8))
        assert (replica.workers, replica.sessions, replica.index) == ({}, {}, 0)
    assert replica.assemble(m.SnapshotPart(0, 1, 9, 0, len(whole)), np.frombuffer(whole, np.uint8))
    assert (replica.workers, replica.index) == ({0: "node0"}, 9)
