"""Working memory that kernels reuse from call to call, one buffer per thread and name."""

from __future__ import annotations

import math
import threading
import types
from typing import Any

import numpy as np

_ALIGNMENT = 64  # bytes: a cache line, and the widest vector
_KEPT_BYTES = 128 << 20  # a larger buffer is not kept after the call


class _Buffers(threading.local):
    def __init__(self) -> None:
        self.by_name: dict[str, np.ndarray] = {}


_buffers = _Buffers()


def scratch(xp: types.ModuleType, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """An uninitialised array that lives until this thread asks for `name` again.

    On a CPU the same memory is handed out each time (fresh memory costs page faults); a GPU's pool does this itself.
    """
    if xp is not np:
        return xp.empty(shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    return scratch_bytes(name, size)[:size].view(dtype).reshape(shape)


def scratch_bytes(name: str, size: int) -> np.ndarray:
    """An aligned buffer of at least `size` bytes of host memory; see `scratch`."""
    held = _buffers.by_name.get(name)
    if held is None or held.nbytes < size:
        raw = np.empty(size + _ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % _ALIGNMENT
        held = raw[start : start + size]
        if size <= _KEPT_BYTES:
            _buffers.by_name[name] = held
    return held
