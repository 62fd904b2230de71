"""The bytes of saved optimizer states: a msgpack header with the structure, then the arrays' raw values.

    file = 8 bytes MAGIC, u64 length of the header, header, values of each array in the order of the header

The header is a map: "states" is a list of [index, structure]; a structure is nil, {"shape", "dtype"} for an array (and
"stype" for one that is not dense; its values are written like those of a dense one), or a list of structures.
"progress" and "optimizer" are what Optimizer.progress and to_config gave. Nothing in it is code.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import msgpack
import numpy as np

from mxtrain.base import MXNetError
from mxtrain.context import cpu
from mxtrain.dtypes import as_dtype
from mxtrain.ndarray import NDArray, from_backend
from mxtrain.ndarray.bounded_reader import MAX_NDIM, BoundedReader
from mxtrain.ops.sparse.containers import DENSE

MAGIC = b"MXTOPT\x00\x01"
_SOURCE = "optimizer states"
_MAX_DEPTH = 8


def encode_states(states: Mapping[Hashable, Any], progress: Mapping[str, Any], optimizer: Any) -> bytes:
    """The bytes of states (by index: None, NDArrays, nested tuples of them). optimizer: a description or None."""
    arrays: list[np.ndarray] = []
    structures = [[index, _structure(state, arrays)] for index, state in states.items()]
    header = msgpack.packb({"states": structures, "progress": progress, "optimizer": optimizer})
    raw = [np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays]
    return b"".join([MAGIC, struct.pack("<Q", len(header)), header, *(bytes(array) for array in raw)])


def _structure(state: Any, arrays: list[np.ndarray]) -> Any:
    """What stands in the header for a state; its arrays are appended to `arrays`."""
    if state is None:
        return None
    if isinstance(state, NDArray):
        arrays.append(state.asnumpy())
        facts = {"shape": list(state.shape), "dtype": np.dtype(state.dtype).name}
        return facts if state.stype == DENSE else {**facts, "stype": state.stype}
    if isinstance(state, (tuple, list)):
        return [_structure(part, arrays) for part in state]
    raise MXNetError(f"Expected: states of NDArrays, tuples and None. Received: {type(state).__name__}.")


def decode_states(buffer: bytes) -> tuple[dict[Hashable, Any], dict[str, Any], dict[str, Any] | None]:
    """(states on cpu(0), progress, optimizer description or None) from what `encode_states` gave.

    Raises MXNetError for bytes that are cut short or of another kind; takes no more memory than they need.
    """
    reader = BoundedReader(io.BytesIO(buffer), _SOURCE)
    magic = reader.raw(len(MAGIC), "the magic number")
    reader.check(magic == MAGIC, f"optimizer states of this project ({MAGIC!r})", _describe(magic))
    (length,) = reader.numbers("<Q", "the length of the header")
    header = _unpack(reader, reader.raw(length, "the header"))
    states = {}
    for index, structure in _pairs(reader, header.get("states")):
        states[index] = _state(reader, structure, 0)
    progress, optimizer = header.get("progress"), header.get("optimizer")
    if not isinstance(progress, dict) or not isinstance(optimizer, (dict, type(None))):
        raise reader.error("maps for progress and optimizer", f"{progress!r:.100}, {optimizer!r:.100}")
    return states, progress, optimizer


def _describe(magic: bytes) -> str:
    if magic.startswith(b"\x80"):
        return "a Python pickle, as MXNet saves them; it is not read, because loading a pickle can run any program"
    return repr(magic)


def _unpack(reader: BoundedReader, raw: bytes) -> dict[str, Any]:
    try:
        header = msgpack.unpackb(raw, strict_map_key=False)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise reader.error("a msgpack header", f"{type(error).__name__}: {error}") from error
    reader.check(isinstance(header, dict), "a map as header", type(header).__name__)
    return header


def _pairs(reader: BoundedReader, states: Any) -> Iterator[tuple[Hashable, Any]]:
    reader.check(isinstance(states, list), "a list of states", f"{states!r:.100}")
    for pair in states:
        whole = isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], (int, str))
        reader.check(whole, "pairs of index and structure", f"{pair!r:.100}")
        yield pair[0], pair[1]


def _state(reader: BoundedReader, structure: Any, depth: int) -> Any:
    """The state that a structure stands for, with its values read from the stream."""
    if structure is None:
        return None
    if isinstance(structure, list) and depth < _MAX_DEPTH:
        return tuple(_state(reader, part, depth + 1) for part in structure)
    whole = (
        isinstance(structure, dict) and _is_shape(structure.get("shape")) and isinstance(structure.get("dtype"), str)
    )
    reader.check(whole, "the shape and dtype of an array", f"{structure!r:.100}")
    array = from_backend(reader.array(as_dtype(structure["dtype"]), tuple(structure["shape"])), cpu())
    stype = structure.get("stype", DENSE)
    return array if stype == DENSE else array.tostype(stype)


def _is_shape(shape: Any) -> bool:
    if not isinstance(shape, list) or len(shape) > MAX_NDIM:
        return False
    return all(isinstance(size, int) and size >= 0 for size in shape) and math.prod(shape) < 2**62
