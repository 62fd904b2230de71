"""`pack` and `unpack`: messages of the data plane as `Frames` of parameters.proto, without copies on the way in.

The generated code would copy every payload twice more in each direction; what it writes and reads is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxtrain_kvstore.wire.codec import MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES, WireError

SERVICE = "mxtrain.parameters.v1.Parameters"
METHOD = "Exchange"
#: Metadata that bears a stream's name, and the most characters that it may have.
NAME_KEY = "stream-name"
MAX_NAME = 256
#: Most frames of one message, and most bytes of it.
MAX_FRAMES = 3
MAX_MESSAGE_BYTES = MAX_PAYLOAD_BYTES + 2 * MAX_HEADER_BYTES + 64
_FRAME = 0x0A  # field 1, bytes
_PADDING = 0x12  # field 2, bytes
_ALIGNMENT = 16  # of values in a message, and so in memory: the bytes of a `bytes` object begin at a multiple of it


def stream_options(alive: float) -> tuple[tuple[str, int], ...]:
    """gRPC's options for both ends of streams. alive: seconds of silence after which a peer is asked for a sign."""
    period = int(alive * 1000)
    return (
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.http2.max_frame_size", 1 << 20),
        ("grpc.keepalive_time_ms", period),
        ("grpc.keepalive_timeout_ms", period),
        ("grpc.http2.max_ping_strikes", 0),
    )


def pack(frames: Sequence[Any]) -> bytes:
    """Frames (bytes, or arrays of them) as one message. The last of several begins at a multiple of 16 bytes."""
    parts: list[Any] = []
    for frame in frames[:-1]:
        parts += (_head(len(frame)), frame)
    last = frames[-1]
    head = _head(len(last))
    if parts:
        fill = -(sum(map(len, parts)) + 2 + len(head)) % _ALIGNMENT
        parts.append(bytes((_PADDING, fill, *bytes(fill))))
    return b"".join((*parts, head, last))


def unpack(data: bytes) -> list[memoryview]:
    """The frames of a message. Raises WireError for bytes that are none."""
    frames = []
    rest = memoryview(data)
    while rest:
        tag = rest[0]
        length, begin = _length(rest)
        if tag not in (_FRAME, _PADDING) or not length <= min(MAX_PAYLOAD_BYTES, len(rest) - begin):
            raise WireError(f"Expected: frames. Received: {len(data)} other bytes.")
        if tag == _FRAME:
            frames.append(rest[begin : begin + length])
        rest = rest[begin + length :]
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise WireError(f"Expected: one to {MAX_FRAMES} frames. Received: {len(frames)}.")
    return frames


def _head(length: int) -> bytes:
    """The tag of a frame, and its length in groups of seven bits."""
    head = bytearray((_FRAME,))
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head)


def _length(field: memoryview) -> tuple[int, int]:
    """(length, where its bytes begin) of a field."""
    length = 0
    for place, byte in enumerate(field[1:5]):
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return length, place + 2
    raise WireError(f"Expected: a length of at most {MAX_PAYLOAD_BYTES} bytes. Received: a longer one, or none.")
