"""Header frames: msgpack arrays [kind, field, field, ...], bounded in size and checked against the declared form."""

from __future__ import annotations

import struct
from typing import Any

import msgpack

from mxtrain.base import MXNetError
from mxtrain_kvstore.wire.messages import kind_of, kinds

#: Most bytes that a header may have; checked before it is decoded.
MAX_HEADER_BYTES = 1 << 21
#: Most bytes that a payload frame may have; sockets are told to drop connections that exceed it.
MAX_PAYLOAD_BYTES = 1 << 24


_NUMBER = struct.Struct(">Q")


class WireError(MXNetError):
    """Bytes that are no message."""


def encode(message: Any) -> bytes:
    """The header frame of a message. Raises WireError where it would be longer than a receiver takes."""
    header: bytes = msgpack.packb((kind_of[type(message)], *message))
    if len(header) > MAX_HEADER_BYTES:
        raise WireError(
            f"{type(message).__name__}: expected a header of at most {MAX_HEADER_BYTES} bytes. Received: {len(header)}."
        )
    return header


def decode(header: Any) -> Any:
    """The message of a header frame (bytes or a buffer). Raises WireError for anything that is not one."""
    if len(header) > MAX_HEADER_BYTES:
        raise WireError(f"Expected: a header of at most {MAX_HEADER_BYTES} bytes. Received: {len(header)}.")
    try:
        values = msgpack.unpackb(header, raw=False, strict_map_key=True, use_list=True)
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise WireError(f"Expected: a msgpack header. Received: {len(header)} other bytes ({error!r:.100}).") from error
    if type(values) is not list or not values or type(values[0]) is not int:
        raise WireError(f"Expected: a list that begins with a kind. Received: {values!r:.100}.")
    return _checked(values)


def encode_frame(number: int, message: Any) -> bytes:
    """A frame of a worker's connection: a number (see messages.py) of 8 bytes, then the header."""
    return _NUMBER.pack(number) + encode(message)


def decode_frame(frame: Any) -> tuple[int, Any]:
    """(number, message) of such a frame, bytes or a buffer. Raises WireError for anything that is not one."""
    if len(frame) < _NUMBER.size:
        raise WireError(f"Expected: a number and a header. Received: {len(frame)} bytes.")
    return _NUMBER.unpack_from(frame)[0], decode(memoryview(frame)[_NUMBER.size :])


def _checked(values: list[Any]) -> Any:
    known = kinds.get(values[0])
    if known is None:
        raise WireError(f"Expected: a kind of message. Received: {values[0]!r:.50}.")
    klass, checks = known
    if len(values) != len(checks) + 1:
        raise WireError(f"{klass.__name__}: expected {len(checks)} fields. Received: {len(values) - 1}.")
    for field, check, value in zip(klass._fields, checks, values[1:], strict=True):
        if not check.accepts(value):
            raise WireError(f"{klass.__name__}.{field}: expected {type(check).__name__}. Received: {value!r:.100}.")
    return klass(*values[1:])
