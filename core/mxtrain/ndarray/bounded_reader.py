"""Reads binary data of known length without ever asking for more bytes, or memory, than it has."""

from __future__ import annotations

import math
import os
import struct
from typing import Any, BinaryIO

import numpy as np

from mxtrain.base import MXNetError

#: NumPy 1 has no arrays of more axes.
MAX_NDIM = 32


class BoundedReader:
    """A seekable stream with its remaining length; every error names the source and the offset in bytes."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._stream = stream
        self._source = source
        self._start = stream.tell()
        self.remaining = stream.seek(0, os.SEEK_END) - self._start
        stream.seek(self._start)

    def error(self, expected: str, received: str) -> MXNetError:
        """The error for what was read last."""
        offset = self._stream.tell() - self._start
        return MXNetError(f"{self._source}, byte {offset}: expected {expected}. Received: {received}.")

    def check(self, condition: bool, expected: str, received: str) -> None:
        """Raises `error(expected, received)` unless the condition holds."""
        if not condition:
            raise self.error(expected, received)

    def raw(self, num_bytes: int, what: str) -> bytes:
        """The next bytes. what: their name in the error for a stream that ends before."""
        self._take(num_bytes, what)
        return self._stream.read(num_bytes)

    def numbers(self, form: str, what: str) -> tuple[Any, ...]:
        """The next numbers, in the notation of `struct`."""
        return struct.unpack(form, self.raw(struct.calcsize(form), what))

    def sizes(self, ndim: int, form: str) -> tuple[int, ...]:
        """The sizes of `ndim` axes, each of the `struct` format `form`."""
        self.check(0 <= ndim <= MAX_NDIM, f"ndim of 0 to {MAX_NDIM}", str(ndim))
        sizes = self.numbers(f"<{ndim}{form}", f"the sizes of {ndim} axes")
        self.check(all(size >= 0 for size in sizes), "sizes >= 0", str(sizes))
        return sizes

    def shape(self, valueless_ndim: int = -1) -> tuple[int, ...] | None:
        """A shape with 64-bit sizes, or None where ndim is the one that marks an array without a value."""
        (ndim,) = self.numbers("<i", "the ndim of a shape")
        return None if ndim == valueless_ndim else self.sizes(ndim, "q")

    def array(self, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        """A new array with the next bytes as its values."""
        self._take(math.prod(shape) * dtype.itemsize, f"the values of shape {shape} and dtype {dtype.name}")
        try:
            array = np.empty(shape, dtype)
        except ValueError as error:  # an axis of size 0 beside ones too large for any array
            raise self.error("a shape that an array can have", str(shape)) from error
        self._stream.readinto(array.reshape(-1).view(np.uint8))  # type: ignore[attr-defined]
        return array

    def _take(self, num_bytes: int, what: str) -> None:
        self.check(num_bytes <= self.remaining, f"{num_bytes} bytes for {what}", f"{self.remaining} bytes to the end")
        self.remaining -= num_bytes
