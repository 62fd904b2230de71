"""Files of positions: plain values as msgpack, with a digest, so that a damaged file is noticed."""

import hashlib
from typing import Any

import msgpack

from mxtrain.atomic_write import write_atomically
from mxtrain.base import MXNetError

_MAGIC = b"MXTPOS\x00\x01"
_DIGEST = 32


def write_position(path: str, content: dict[str, Any]) -> None:
    """Write a position; the file is there whole or not at all."""
    data = msgpack.packb(content)
    write_atomically(path, [_MAGIC, hashlib.sha256(data).digest(), data])


def read_position(path: str) -> dict[str, Any]:
    """What `write_position` wrote. Raises MXNetError naming the file where it is missing or damaged."""
    try:
        with open(path, "rb") as file:
            found = file.read()
    except OSError as error:
        raise MXNetError(f"Expected: the position of a training. Received: {path!r} ({error.strerror}).") from error
    start = len(_MAGIC) + _DIGEST
    if not found.startswith(_MAGIC):
        raise MXNetError(f"{path}: expected the position of a training. Received: another file.")
    if hashlib.sha256(found[start:]).digest() != found[len(_MAGIC) : start]:
        raise MXNetError(f"{path}: expected the position of a training. Received: a part of one, or a damaged one.")
    content: dict[str, Any] = msgpack.unpackb(found[start:], strict_map_key=False)
    return content


def file_digest(path: str) -> str:
    """SHA-256 of a file, as hexadecimal text. Raises OSError where it cannot be read."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
