"""`Mirrors`: memory of workers that is laid out like a segment, and from which their pushes are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_server.parameters.memory import Memory
from mxtrain_server.parameters.segment import Segment


class Mirrors:
    """By rank and segment; files: what is known of, whether it can be mapped here or not."""

    def __init__(self, memory: Memory) -> None:
        self.files: dict[tuple[int, int], list[Any]] = {}
        self._memory = memory
        self._mapped: dict[tuple[int, int], np.ndarray] = {}

    def open(self, rank: int, segment: Segment, file: list[Any]) -> str:
        """Map a worker's memory; returns why that cannot be, or ""."""
        place = (rank, segment.number)
        self.files[place] = file
        self._mapped.pop(place, None)
        try:
            memory = self._memory.open(file, segment.memory.nbytes)
        except MXNetError as error:
            return str(error)
        self._mapped[place] = memory[: segment.values.nbytes].view(segment.dtype)
        return ""

    def of(self, rank: int, number: int) -> np.ndarray | None:
        """A worker's mirror of a segment, as flat values."""
        return self._mapped.get((rank, number))

    def maps(self, rank: int) -> bool:
        """Whether all of a worker's mirrors are mapped."""
        return all(place in self._mapped for place in self.files if place[0] == rank)

    @property
    def maps_all(self) -> bool:
        """Whether the mirrors of all workers are mapped."""
        return len(self._mapped) == len(self.files)

    def forget(self, rank: int, segment: Segment | None = None) -> None:
        """Forget a worker's mirror of a segment, or all of them."""
        for place in [p for p in self.files if p[0] == rank and (segment is None or p[1] == segment.number)]:
            del self.files[place]
            self._mapped.pop(place, None)
