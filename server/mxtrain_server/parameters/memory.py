"""Where segments get their memory: an interface, so that the state needs no operating system."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from mxtrain_server.parameters.errors import RequestError


class SegmentMemory(NamedTuple):
    """array: the bytes, uint8, zeros. file: [pid, descriptor, bytes, token] by which a worker maps them, or None.

    more: makes more memory of this kind, of so many bytes, for this process alone; None: any memory will do. Bytes that
    are never touched cost nothing. make_room: must be called before ranges of bytes are written, with where they start
    and stop; raises MXNetError where there is no room for them, or for what `more` gave beside them. None: need not.
    """

    array: np.ndarray
    file: list | None
    more: Callable[[int], np.ndarray] | None = None
    make_room: Callable[[np.ndarray, np.ndarray], None] | None = None


class Memory(Protocol):
    """Gives memory for segments, and opens that of workers."""

    def allocate(self, nbytes: int) -> SegmentMemory:
        """Memory of a new segment."""

    def release(self, file: list) -> None:
        """A segment that could be mapped by `file` is gone."""

    def open(self, file: list, nbytes: int) -> np.ndarray:
        """A worker's memory of `nbytes` bytes, uint8. Raises MXNetError where it cannot be mapped here."""


class PrivateMemory:
    """Memory that nobody else can map."""

    def allocate(self, nbytes: int) -> SegmentMemory:
        """Memory of this process alone."""
        return SegmentMemory(np.zeros(nbytes, np.uint8), None)

    def release(self, file: list) -> None:
        """Nothing to do."""

    def open(self, file: list, nbytes: int) -> np.ndarray:
        """Refuses."""
        raise RequestError("This server shares no memory. Send the values themselves.")
