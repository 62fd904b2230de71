"""Memory of segments: shared with workers of the same host, or files, for tables that are larger than memory."""

from __future__ import annotations

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.shared_memory import SharedMemory
from mxtrain_server.parameters.memory import Memory, PrivateMemory, SegmentMemory
from mxtrain_server.parameters.store import SEGMENT_BYTES
from mxtrain_server.transport.table_files import TableFiles


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


class FileMemory:
    """Large segments in files of a directory, which the system keeps in memory as far as there is room.

    See TableFiles. small: gives the memory of other segments.
    """

    def __init__(self, directory: str, small: Memory) -> None:
        self._directory = directory
        self._small = small

    def allocate(self, nbytes: int) -> SegmentMemory:
        """Memory of a new segment. Raises MXNetError where the directory does not take it."""
        if nbytes <= SEGMENT_BYTES:
            return self._small.allocate(nbytes)
        files = TableFiles(self._directory, nbytes)
        return SegmentMemory(files.map(nbytes), None, files.map, files.make_room)

    def release(self, file: list) -> None:
        """A segment is gone."""
        self._small.release(file)

    def open(self, file: list, nbytes: int) -> np.ndarray:
        """A worker's memory."""
        return self._small.open(file, nbytes)


def segment_memory(settings: ClusterSettings) -> Memory:
    """What segments are made of: shared memory, unless the system has none or the settings say otherwise."""
    is_private = not (settings.shares_memory and SharedMemory.available())
    memory: Memory = PrivateMemory() if is_private else MappableMemory()
    if settings.table_directory is None:
        return memory
    if settings.replicas:
        raise MXNetError(
            "Expected: MXTRAIN_REPLICAS=0 where MXTRAIN_TABLE_DIRECTORY is set: a copy of a table travels through "
            f"memory. Received: {settings.replicas} replica(s)."
        )
    if settings.max_servers:
        raise MXNetError(
            "Expected: no MXTRAIN_MAX_SERVERS where MXTRAIN_TABLE_DIRECTORY is set: a table that moves travels through "
            f"memory. Received: {settings.max_servers}."
        )
    return FileMemory(settings.table_directory, memory)
