"""MXNet's binary `.params` format: bytes to records and back, without any NDArray.

A file is a list of arrays and a list of names (empty, or one per array). All integers are little-endian:

    file    = u64 0x112, u64 0, u64 count, array * count, u64 count of names, (u64 length, UTF-8 bytes) * count
    array   = u32 magic, content                       V1, V2, V3; V0 has no magic and starts with its u32 ndim
    V2, V3  = i32 storage, [shape of stored values], shape, device, i32 dtype, [(i32 dtype, shape) per index array],
              values, [index arrays]                   what is in brackets: row_sparse and csr only
    V1, V0  = shape, device, i32 dtype, values         V0: sizes of axes are u32
    shape   = i32 ndim, i64 size * ndim                device = i32 type (1 cpu, 2 gpu), i32 id

V3 differs from V2 only in what shapes mean: ndim 0 is a scalar, and -1 an array without a value, which in V0 to V2
ndim 0 stands for. Source: the files that MXNet 1.9.1 writes, byte for byte.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.dtypes import TYPE_FLAGS, type_flag
from mxtrain.ndarray.bounded_reader import MAX_NDIM, BoundedReader

FILE_MAGIC = 0x112
MAGIC_V1 = 0xF993FAC8
MAGIC_V2 = 0xF993FAC9
MAGIC_V3 = 0xF993FACA
#: Storage types by their number in the file, with how many index arrays each has.
STORAGE = {0: ("default", 0), 1: ("row_sparse", 1), 2: ("csr", 2)}
_STORAGE_NUMBER = {name: number for number, (name, _) in STORAGE.items()}
_DEVICE_TYPES = (1, 2, 3, 5)


@dataclass(frozen=True)
class ArrayRecord:
    """One saved array.

    values: dense: all values, in the array's shape; row_sparse: the stored rows; csr: the stored values (1-D).
    device: (MXNet's device type number, device id) of the context it was saved from.
    storage: "default" (dense), "row_sparse" or "csr". shape: of the whole array.
    indices: row_sparse: (row numbers,); csr: (row pointers, column numbers); dense: ().
    """

    values: np.ndarray
    device: tuple[int, int] = (1, 0)
    storage: str = "default"
    shape: tuple[int, ...] = ()
    indices: tuple[np.ndarray, ...] = ()


def dense_record(values: np.ndarray, device: tuple[int, int] = (1, 0)) -> ArrayRecord:
    """The record of a dense array."""
    return ArrayRecord(np.ascontiguousarray(values).reshape(values.shape), device, "default", values.shape)


def encode(records: Sequence[ArrayRecord], names: Sequence[str] = (), np_shape: bool = False) -> Iterator[Any]:
    """The bytes of a file, as chunks. names: none, or one per record. np_shape: writes V3, which 0-d arrays need.

    Raises MXNetError for a 0-d array without np_shape, for a dtype MXNet lacks, and for names that do not match.
    """
    if names and len(names) != len(records):
        raise MXNetError(f"Expected one name per array ({len(records)}). Received: {len(names)} names.")
    yield struct.pack("<QQQ", FILE_MAGIC, 0, len(records))
    for record in records:
        yield from _encode_array(record, np_shape)
    yield struct.pack("<Q", len(names))
    for name in names:
        raw = name.encode()
        yield struct.pack("<Q", len(raw)) + raw


def _encode_array(record: ArrayRecord, np_shape: bool) -> Iterator[Any]:
    if not record.shape and not np_shape:
        raise MXNetError(
            "A 0-d array can only be saved with np_shape semantics (`with mx.np_shape(True):`). Received: shape ()."
        )
    header = [struct.pack("<Ii", MAGIC_V3 if np_shape else MAGIC_V2, _STORAGE_NUMBER[record.storage])]
    if record.indices:
        header.append(_pack_shape(record.values.shape))
    header.append(_pack_shape(record.shape))
    header.append(struct.pack("<iii", *record.device, type_flag(record.values.dtype)))
    for index in record.indices:
        header.append(struct.pack("<i", type_flag(index.dtype)) + _pack_shape(index.shape))
    yield b"".join(header)
    yield _raw_bytes(record.values)
    for index in record.indices:
        yield _raw_bytes(index)


def _pack_shape(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f"<i{len(shape)}q", len(shape), *shape)


def _raw_bytes(array: np.ndarray) -> Any:
    """The array's memory as bytes, without a copy where the array is contiguous; bfloat16 has no buffer of its own."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def encode_one(record: ArrayRecord, np_shape: bool = False) -> bytearray:
    """The bytes of one array, without a file's header: what a pickled NDArray of MXNet holds."""
    return bytearray(b"".join(bytes(chunk) for chunk in _encode_array(record, np_shape)))


def decode_one(buffer: bytes | bytearray | memoryview, source: str) -> ArrayRecord:
    """The array in the bytes of `encode_one`; see `decode`."""
    return _decode_array(BoundedReader(io.BytesIO(buffer), source), None)


def decode_file(path: str | os.PathLike[str], np_shape: bool | None = None) -> tuple[list[ArrayRecord], list[str]]:
    """The arrays and names of a file; see `decode`. Raises MXNetError naming the file, also when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return decode(stream, os.fspath(path), np_shape)
    except OSError as error:
        raise MXNetError(f"Cannot read {os.fspath(path)!r}: {error.strerror or error}.") from error


def decode_bytes(
    buffer: bytes | bytearray | memoryview, np_shape: bool | None = None
) -> tuple[list[ArrayRecord], list[str]]:
    """The arrays and names of a file that is held in memory; see `decode`."""
    return decode(io.BytesIO(buffer), "<buffer>", np_shape)


def decode(stream: BinaryIO, source: str, np_shape: bool | None = None) -> tuple[list[ArrayRecord], list[str]]:
    """The arrays and names of a seekable stream (no names where the file has none).

    source: how errors name the stream. np_shape: True or False to accept only files saved with or without np_shape
    semantics, as MXNet does; None accepts both.

    Raises MXNetError naming source, offset, what was expected and what stands there, for any file that is cut short
    or otherwise not of this format. No more memory is taken than the file has bytes.
    """
    reader = BoundedReader(stream, source)
    magic, _, count = reader.numbers("<QQQ", "a file header")
    reader.check(magic == FILE_MAGIC, "the magic number 0x112 of an NDArray file", hex(magic))
    reader.check(count <= reader.remaining // 4, "a count of arrays that fits the file", f"{count} arrays")
    records = [_decode_array(reader, np_shape) for _ in range(count)]
    (num_names,) = reader.numbers("<Q", "the number of names")
    reader.check(num_names in (0, count), f"no names or one for each of {count} arrays", f"{num_names} names")
    return records, [_decode_name(reader) for _ in range(num_names)]


def _decode_name(reader: BoundedReader) -> str:
    (length,) = reader.numbers("<Q", "the length of a name")
    raw = reader.raw(length, "a name")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise reader.error("a name in UTF-8", f"{raw[:50]!r}") from error


def _decode_array(reader: BoundedReader, np_shape: bool | None) -> ArrayRecord:
    (magic,) = reader.numbers("<I", "the magic number of an array")
    saved_np_shape = magic == MAGIC_V3
    if np_shape is not None:
        reader.check(np_shape == saved_np_shape, *_np_shape_mismatch(saved_np_shape))
    if magic in (MAGIC_V2, MAGIC_V3):
        return _decode_current(reader, valueless_ndim=-1 if saved_np_shape else 0)
    if magic == MAGIC_V1:
        return _decode_dense(reader, reader.shape(valueless_ndim=0))
    reader.check(magic <= MAX_NDIM, f"the magic number of an array, or ndim <= {MAX_NDIM} of an old one", hex(magic))
    return _decode_dense(reader, reader.sizes(magic, "I") or None)


def _np_shape_mismatch(saved: bool) -> tuple[str, str]:
    advice = "True" if saved else "False"
    return (
        f"an array saved {'without' if saved else 'with'} np_shape semantics (use `with mx.np_shape({advice}):`)",
        f"one saved {'with' if saved else 'without'}",
    )


def _decode_current(reader: BoundedReader, valueless_ndim: int) -> ArrayRecord:
    """The content of a V2 or V3 array."""
    (number,) = reader.numbers("<i", "a storage type")
    reader.check(number in STORAGE, f"a storage type of {sorted(STORAGE)}", str(number))
    storage, num_indices = STORAGE[number]
    stored_shape = reader.shape() if num_indices else None
    shape = reader.shape(valueless_ndim)
    if stored_shape is None:
        return _decode_dense(reader, shape)
    device, dtype = _decode_device(reader), _decode_dtype(reader)
    layout = [(_decode_dtype(reader), reader.shape() or ()) for _ in range(num_indices)]
    values = reader.array(dtype, stored_shape)
    indices = tuple(reader.array(kind, index_shape) for kind, index_shape in layout)
    record = ArrayRecord(values, device, storage, shape or (), indices)
    received = f"shape {shape}, values {values.shape}, indices {[(i.shape, i.dtype.name) for i in indices]}"
    reader.check(_is_consistent(record), f"a {storage} array whose indices lie in its shape", received)
    return record


def _decode_dense(reader: BoundedReader, shape: tuple[int, ...] | None) -> ArrayRecord:
    """The rest of a dense array; one that was saved without a value (shape None) becomes an array of shape (0,)."""
    if shape is None:
        return dense_record(np.zeros((0,), np.float32))
    device, dtype = _decode_device(reader), _decode_dtype(reader)
    return ArrayRecord(reader.array(dtype, shape), device, "default", shape)


def _decode_device(reader: BoundedReader) -> tuple[int, int]:
    kind, number = reader.numbers("<ii", "a device")
    reader.check(kind in _DEVICE_TYPES and number >= 0, f"a device type of {_DEVICE_TYPES}", f"{kind}, id {number}")
    return kind, number


def _decode_dtype(reader: BoundedReader) -> np.dtype:
    (flag,) = reader.numbers("<i", "a dtype")
    reader.check(flag in TYPE_FLAGS, f"a dtype number of {sorted(TYPE_FLAGS)}", str(flag))
    return np.dtype(TYPE_FLAGS[flag])


def _is_consistent(sparse: ArrayRecord) -> bool:
    """True when the stored values, the index arrays and the shape of a sparse array agree."""
    if not sparse.shape or any(index.ndim != 1 or index.dtype.kind not in "iu" for index in sparse.indices):
        return False
    if sparse.storage == "row_sparse":
        (rows,) = sparse.indices
        return sparse.values.shape == (rows.size, *sparse.shape[1:]) and _is_within(rows, sparse.shape[0])
    pointers, columns = sparse.indices
    if len(sparse.shape) != 2 or sparse.values.shape != columns.shape or pointers.size != sparse.shape[0] + 1:
        return False
    rising = pointers[0] == 0 and pointers[-1] == columns.size and bool((np.diff(pointers) >= 0).all())
    return rising and _is_within(columns, sparse.shape[1])


def _is_within(numbers: np.ndarray, size: int) -> bool:
    """True when every number is a valid index of an axis of the given size."""
    return not numbers.size or (int(numbers.min()) >= 0 and int(numbers.max()) < size)
