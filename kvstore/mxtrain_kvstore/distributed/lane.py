"""`Lane`: what is on its way between a worker and one server."""

from __future__ import annotations

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.batch import Batch
from mxtrain_kvstore.distributed.parameter import Block
from mxtrain_kvstore.wire.messages import Run


class LaneSegment:
    """A server's segment as a worker sees it; memory that is never touched costs nothing.

    staging: where pushes are put together, laid out like the segment. values: the server's memory, mapped, or None.
    shared: the server reads `staging` itself.
    """

    def __init__(self, number: int, store: int, dtype: np.dtype) -> None:
        self.number = number
        self.store = store
        self.dtype = dtype
        self.staging = np.empty(0, dtype)
        self.values: np.ndarray | None = None
        self.shared = False
        self._blocks: list[Block | None] = []

    def lose_sight(self) -> None:
        """The memory that is mapped is not the server's any more."""
        self.values = None
        self._bind_all()

    def see(self, memory: np.ndarray) -> None:
        """Read values directly, from other memory than before; uint8."""
        size = self.staging.size
        self.values = memory[: size * self.dtype.itemsize].view(self.dtype)
        self._bind_all()

    def _bind_all(self) -> None:
        for block in self.known():
            block.bind()

    def share(self, staging: np.ndarray, values: np.ndarray) -> None:
        """Use shared memory from now on."""
        self.staging, self.values, self.shared = staging, values, True

    def reserve(self, size: int) -> None:
        """See to it that staging has room for so many elements. Nothing may be staged."""
        if self.staging.size < size:
            self.staging = np.empty(max(size, 2 * self.staging.size), self.dtype)
            self._bind_all()

    def add(self, block: Block) -> None:
        """Enter a block under its number."""
        missing = block.index + 1 - len(self._blocks)
        self._blocks.extend([None] * missing)
        self._blocks[block.index] = block
        block.bind()

    def known(self) -> list[Block]:
        """The blocks that this worker knows."""
        return [block for block in self._blocks if block is not None]

    def run(self, first: int, count: int) -> list[Block]:
        """Blocks that follow each other. Raises MXNetError where this worker does not know one of them."""
        blocks = self._blocks[first : first + count]
        if len(blocks) != count or None in blocks:
            raise MXNetError(f"Segment {self.number}: expected known blocks. Received: {first} to {first + count}.")
        return blocks  # type: ignore[return-value]


class Lane:
    """The segments of one server, and what has not been sent to it yet. pending: there is such.

    unseen: shared segments whose memory is not mapped at the moment.
    """

    def __init__(self, server: int) -> None:
        self.server = server
        self.segments: dict[int, LaneSegment] = {}
        self.batches = (Batch(mapped=False), Batch(mapped=True))
        self.pending = False
        self.unseen: set[int] = set()

    def unshare(self, segment: LaneSegment) -> None:
        """Send a segment's values from now on."""
        segment.shared = False
        segment.lose_sight()
        sent, mapped = self.batches
        moving = [block for block in mapped.pushes if block.segment is segment]
        mapped.pushes = [block for block in mapped.pushes if block.segment is not segment]
        sent.pushes += moving
        moving = [block for block in mapped.pulls if block.segment is segment]
        mapped.pulls = [block for block in mapped.pulls if block.segment is not segment]
        sent.pulls += moving

    def payload(self, runs: list[Run]) -> np.ndarray:
        """The staged values of runs, as bytes, one after the other."""
        parts = [self._staged(run) for run in runs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _staged(self, run: Run) -> np.ndarray:
        segment = self.segments[run[0]]
        blocks = segment.run(run[1], run[2])
        first, last = blocks[0], blocks[-1]
        return segment.staging[first.position : last.position + last.length].view(np.uint8)
