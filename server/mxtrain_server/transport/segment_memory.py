"""Memory of segments that workers of the same host can map."""

from __future__ import annotations

import numpy as np

from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.shared_memory import SharedMemory
from mxtrain_server.parameters.memory import Memory, PrivateMemory, SegmentMemory


class MappableMemory:
    """Segments in shared memory."""

    def __init__(self) -> None:
        self._shared = SharedMemory()

    def allocate(self, nbytes: int) -> SegmentMemory:
        """Memory of a new segment."""
        return SegmentMemory(*self._shared.create(nbytes))

    def release(self, file: list) -> None:
        """A segment is gone."""
        self._shared.release(file)

    def open(self, file: list, nbytes: int) -> np.ndarray:
        """A worker's memory."""
        return self._shared.open(file, nbytes)


def segment_memory(settings: ClusterSettings) -> Memory:
    """What segments are made of: shared memory, unless the system has none or the settings say otherwise."""
    if settings.transport == "tcp" or not SharedMemory.available():
        return PrivateMemory()
    return MappableMemory()
