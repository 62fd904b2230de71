"""Trees of plain values and NumPy arrays as bytes, and back; nothing but values comes out of them."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np

from mxtrain.dtypes import as_dtype
from mxtrain_kvstore.wire.codec import WireError

_ARRAY = 1


def to_bytes(tree: Any) -> bytes:
    """A tree of None, bool, int, float, str, lists, maps and flat arrays."""
    data: bytes = msgpack.packb(tree, default=_pack_array)
    return data


def from_bytes(data: Any) -> Any:
    """The tree of such bytes; arrays can be written. Raises WireError for other bytes."""
    try:
        return msgpack.unpackb(data, ext_hook=_unpack_array, strict_map_key=False, use_list=True)
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:  # TypeError: a list as a key
        raise WireError(
            f"Expected: a snapshot of a shard. Received: {len(data)} other bytes ({error!r:.100})."
        ) from error


def _pack_array(value: Any) -> msgpack.ExtType:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"Expected: plain values and arrays. Received: {type(value).__name__}.")
    name = value.dtype.name.encode()
    body = np.ascontiguousarray(value).reshape(-1).view(np.uint8).tobytes()
    return msgpack.ExtType(_ARRAY, bytes([len(name)]) + name + body)


def _unpack_array(code: int, data: bytes) -> np.ndarray:
    if code != _ARRAY or not data:
        raise ValueError(f"no array: {code}")
    size = data[0]
    return np.frombuffer(data[1 + size :], np.uint8).view(as_dtype(data[1 : 1 + size].decode())).copy()
