"""Working memory that kernels reuse from call to call, one buffer per thread."""

from __future__ import annotations

import threading
import types
from typing import Any

import numpy as np

# a buffer that has grown beyond this many bytes is not kept after the call
_KEPT_BYTES = 64 << 20


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
    size = dtype.itemsize
    for extent in shape:
        size *= extent
    held = _buffers.by_name.get(name)
    if held is None or held.nbytes < size:
        held = np.empty(size, np.uint8)
        if size <= _KEPT_BYTES:
            _buffers.by_name[name] = held
    return held[:size].view(dtype).reshape(shape)
