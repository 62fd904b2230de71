"""Messages as `Frames` of parameters.proto, and a worker's gRPC streams to a server."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxtrain.base import MXNetError
from mxtrain_kvstore.network import address_of
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.channels import connect_to
from mxtrain_kvstore.transport.grpc_frames import MAX_FRAMES, pack, unpack
from mxtrain_kvstore.wire.codec import MAX_PAYLOAD_BYTES, WireError
from mxtrain_protos import parameters_pb2 as pb

FRAMES = st.lists(st.binary(max_size=300), min_size=1, max_size=MAX_FRAMES)


@given(FRAMES)
def test_frames_are_what_the_generated_code_reads_and_writes(frames: list[bytes]) -> None:
    assert list(pb.Frames.FromString(pack(frames)).frame) == frames
    assert unpack(pb.Frames(frame=frames, padding=b"x").SerializeToString()) == frames
    assert unpack(pack(frames)) == frames


@pytest.mark.parametrize("size", [0, 1, 127, 128, 1 << 20, MAX_PAYLOAD_BYTES])
@pytest.mark.parametrize("header", [1, 77, 300])
def test_values_lie_aligned(header: int, size: int) -> None:
    values = np.arange(size, dtype=np.uint8)
    received = np.frombuffer(unpack(pack([bytes(header), values.data]))[1], np.uint8)
    assert (received == values).all()
    assert received.ctypes.data % 16 == 0 or not size


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    try:
        frames = unpack(data)
    except WireError:
        return
    message = pb.Frames.FromString(data)
    assert list(message.frame) == frames


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x12\x01x",
        b"\x0a\x05abc",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x0a\x80\x80\x80",
        b"\x08\x01",
        pack([b"x"]) * (MAX_FRAMES + 1),
        b"\x0a\x81\x80\x80\x08" + bytes(MAX_PAYLOAD_BYTES + 1),
    ],
)
def test_bad_frames_are_named(data: bytes) -> None:
    with pytest.raises(WireError, match=r"Expected: "):
        unpack(data)


def test_servers_of_another_transport_are_named() -> None:
    assert address_of("grpc://[::1]:80", "grpc") == "[::1]:80"
    with pytest.raises(MXNetError, match=r"grpc://HOST:PORT.*tcp://h:1.*MXTRAIN_KVSTORE_TRANSPORT"):
        address_of("tcp://h:1", "grpc")
    with pytest.raises(MXNetError, match=r"listen with gRPC.*tcp://127.0.0.1:1"):
        connect_to(["tcp://127.0.0.1:1"], "node", ClusterSettings(transport="grpc"))
