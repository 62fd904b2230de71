"""A snapshot cut into messages, and put together again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mxtrain_kvstore.wire import messages as m

#: Bytes of one part.
PART_BYTES = 1 << 20


def snapshot_parts(shard: int, epoch: int, change: int, data: bytes) -> Iterator[tuple[m.SnapshotPart, np.ndarray]]:
    """The parts of a snapshot, in order."""
    values = np.frombuffer(data, np.uint8)
    for offset in range(0, len(data), PART_BYTES):
        yield m.SnapshotPart(shard, epoch, change, offset, len(data)), values[offset : offset + PART_BYTES]


class Assembly:
    """Puts the parts of one snapshot together; takes memory only as they come."""

    def __init__(self, change: int, total: int) -> None:
        self.change = change
        self.total = total
        self.data = bytearray()

    def add(self, part: m.SnapshotPart, payload: np.ndarray) -> bool:
        """Take the next part; whether the snapshot is complete. A part out of turn is left."""
        if (part.change, part.total, part.offset) != (self.change, self.total, len(self.data)):
            return False
        self.data += payload.tobytes()
        return len(self.data) == self.total
