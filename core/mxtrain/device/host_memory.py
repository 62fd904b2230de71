"""Host memory of large results, used again when no array refers to it any more: fresh memory costs page faults.

MXTRAIN_HOST_CACHE (bytes, also as 512M or 2G; 0: none) bounds what is kept unused; mx.cpu().empty_cache() lets it go.
"""

import math
import os
from typing import Any

import numpy as np

from mxtrain.byte_sizes import parse_bytes

LEAST_BYTES = 32 << 20  # the C library itself uses what is smaller again
_SETTING, _DEFAULT = "MXTRAIN_HOST_CACHE", "512M"


class Cache:
    """Unused buffers, the one that has been unused for longest first.

    Without a lock: an array may die at any time, in the midst of a call here, too. Each step on the dictionary is
    atomic, and who removes a buffer from it owns it.
    """

    def __init__(self, limit: int | None = None) -> None:
        """limit: bytes to keep at most; None: as the environment says when it is first needed."""
        self._limit = limit
        self._free: dict[int, np.ndarray] = {}  # by id

    @property
    def limit(self) -> int:
        """How many bytes are kept at most. Raises ArgumentError for a setting that is not a number of bytes."""
        if self._limit is None:
            self._limit = parse_bytes(os.environ.get(_SETTING) or _DEFAULT)
        return self._limit

    @property
    def held(self) -> int:
        """Bytes that are kept unused."""
        return sum(buffer.nbytes for buffer in list(self._free.values()))

    def take(self, size: int) -> np.ndarray:
        """A buffer of at least `size` bytes and at most an eighth more."""
        fitting = [buffer for buffer in list(self._free.values()) if size <= buffer.nbytes <= size + size // 8]
        if fitting:
            best = min(fitting, key=lambda buffer: buffer.nbytes)
            if self._free.pop(id(best), None) is not None:
                return best
        return np.empty(size, np.uint8)

    def give_back(self, buffer: np.ndarray) -> None:
        """Keep a buffer that nobody uses, and let go of older ones beyond the limit."""
        self._free[id(buffer)] = buffer
        while self._free and self.held > self.limit:
            oldest = next(iter(list(self._free)), 0)  # 0: another thread was faster
            self._free.pop(oldest, None)

    def clear(self) -> None:
        """Let go of all unused buffers."""
        self._free.clear()


class _Lease:
    """What an array, and all that refers to its memory, keeps alive; the buffer goes back when it dies."""

    def __init__(self, owner: Cache, buffer: np.ndarray, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._owner, self._buffer = owner, buffer
        self.__array_interface__ = {
            "data": (buffer.ctypes.data, False),
            "shape": shape,
            "typestr": dtype.str,
            "version": 3,
        }

    def __del__(self) -> None:
        self._owner.give_back(self._buffer)


CACHE = Cache()


def empty(shape: tuple[int, ...], dtype: Any, cache: Cache = CACHE) -> np.ndarray:
    """An uninitialised C-contiguous array, in memory of a dead one where it is large."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < LEAST_BYTES or dtype.kind not in "biuf" or size > cache.limit:
        return np.empty(shape, dtype)
    return np.asarray(_Lease(cache, cache.take(size), shape, dtype))
