"""Saves and loads NDArrays in MXNet's binary `.params` format (params_file.py describes its bytes)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from mxtrain.atomic_write import write_atomically
from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import Context, num_gpus
from mxtrain.device import to_numpy
from mxtrain.ndarray.array_type import NDArray, from_backend, from_numpy_copy
from mxtrain.ndarray.params_file import (
    ArrayRecord,
    decode_bytes,
    decode_file,
    decode_one,
    dense_record,
    encode,
    encode_one,
)
from mxtrain.ndarray.sparse_array import BaseSparseNDArray, rebuild
from mxtrain.util import is_np_shape


def save(fname: str | os.PathLike[str], data: NDArray | list[NDArray] | dict[str, NDArray]) -> None:
    """Saves an array, a list of arrays or a dictionary of named arrays to a file, byte for byte as MXNet 1.9.1 does.

    The file is replaced at once: a process killed halfway leaves the previous one. Within `mx.np_shape(True)` the
    variant of the format is written that has 0-d arrays; it is loaded within `mx.np_shape(True)` only.

    Raises MXNetError naming the file when it cannot be written; ArgumentError or ArgumentTypeError for other data.
    """
    _check_fname(fname)
    records, names = _records_of(data)
    write_atomically(fname, encode(records, names, is_np_shape()))


def dumps(data: NDArray | list[NDArray] | dict[str, NDArray]) -> bytes:
    """The bytes that `save` would write."""
    records, names = _records_of(data)
    return b"".join(bytes(chunk) for chunk in encode(records, names, is_np_shape()))


def load(fname: str | os.PathLike[str]) -> list[NDArray] | dict[str, NDArray]:
    """The arrays of a file that this project or any MXNet wrote: a dictionary where they have names, else a list.

    Arrays saved from a GPU come back on that GPU, or on the CPU where it is missing.

    Raises MXNetError naming file, offset, what was expected and what stands there, for a file that is cut short or
    of another kind.
    """
    _check_fname(fname)
    return _arrays_of(*decode_file(fname, is_np_shape()))


def loads(buffer: bytes | bytearray | memoryview) -> list[NDArray] | dict[str, NDArray]:
    """The arrays in the bytes of a file; see `load`."""
    if not isinstance(buffer, (bytes, bytearray, memoryview)):
        raise ArgumentTypeError(f"Expected: the bytes of a file. Received: {type(buffer).__name__}.")
    return _arrays_of(*decode_bytes(buffer, is_np_shape()))


def load_frombuffer(buf: bytes | bytearray | memoryview) -> list[NDArray] | dict[str, NDArray]:
    """The arrays in the content of a file that `save` wrote; see `loads`."""
    return loads(buf)


def _check_fname(fname: object) -> None:
    if not isinstance(fname, (str, os.PathLike)):
        raise ArgumentTypeError(f"Expected: a file name. Received: {type(fname).__name__}.")


def _records_of(data: Any) -> tuple[list[ArrayRecord], list[str]]:
    """The records of arrays, and their names where they have some."""
    if isinstance(data, NDArray):
        data = [data]
    if isinstance(data, dict):
        if not all(isinstance(name, str) for name in data):
            raise ArgumentTypeError(f"Expected: str names. Received: {[n for n in data if not isinstance(n, str)]}.")
        return [_record_of(array) for array in data.values()], list(data)
    if isinstance(data, list):
        return [_record_of(array) for array in data], []
    raise ArgumentError(f"Expected: an NDArray, a list or a dict of NDArrays. Received: {type(data).__name__}.")


def _record_of(array: Any) -> ArrayRecord:
    if not isinstance(array, NDArray):
        raise ArgumentTypeError(f"Expected: NDArrays only. Received: {type(array).__name__}.")
    device = array.context.device_typeid, array.context.device_id
    if isinstance(array, BaseSparseNDArray):
        stored = array.storage.map(to_numpy)
        return ArrayRecord(stored.values, device, stored.stype, stored.shape, stored.index_arrays)
    return dense_record(to_numpy(array.data_array), device)


def _arrays_of(records: list[ArrayRecord], names: list[str]) -> list[NDArray] | dict[str, NDArray]:
    arrays = [_array_of(record) for record in records]
    return dict(zip(names, arrays, strict=True)) if names else arrays


def _array_of(record: ArrayRecord) -> NDArray:
    ctx = _context_of(*record.device)
    if record.storage != "default":
        arrays = (record.values, *(index.astype(np.int64, copy=False) for index in record.indices))
        return rebuild(record.storage, arrays, record.shape, ctx.device_type, ctx.device_id)
    if ctx.device_type == "cpu":
        return from_backend(record.values, ctx)
    return from_numpy_copy(record.values, ctx.device_type, ctx.device_id)


def get_state(self: NDArray) -> dict[str, Any]:
    """The array as MXNet pickles it: {"handle": its bytes in the `.params` format, without a file's header}."""
    return {"handle": encode_one(_record_of(self), is_np_shape() or not self.shape)}


def set_state(self: NDArray, state: Any) -> None:
    """Take over the value of a state that `get_state`, or MXNet's `__getstate__`, gave.

    An array of a GPU that is missing comes to the CPU. Raises MXNetError for anything else.
    """
    handle = state.get("handle") if isinstance(state, dict) else None
    if not isinstance(handle, (bytes, bytearray, memoryview)):
        raise ArgumentTypeError(f"Expected: a state {{'handle': bytes}}. Received: {state!r:.100}.")
    source = _array_of(decode_one(handle, "<state>"))
    if source.stype != "default":
        raise ArgumentError(f"Expected: the state of a dense array. Received: one of a {source.stype} array.")
    self._data, self._ctx = source._data, source._ctx
    self._entry = self._family = None


def _context_of(device_type: int, device_id: int) -> Context:
    """Where a saved array goes: its GPU if there is one of that number, else cpu(0), as in MXNet 1.9.1."""
    if device_type == 2 and device_id < num_gpus():
        return Context("gpu", device_id)
    return Context("cpu", 0)


NDArray.__getstate__ = get_state  # type: ignore[assignment]
NDArray.__setstate__ = set_state  # type: ignore[attr-defined]
