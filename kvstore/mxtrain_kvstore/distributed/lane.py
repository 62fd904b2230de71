"""`Lane`: what is on its way between a worker and one server."""

from __future__ import annotations

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.parameter import Block, Parameter
from mxtrain_kvstore.wire.messages import MAX_ITEMS, Run

#: Staged bytes at which a batch is sent without waiting for more.
BATCH_BYTES = 1 << 20
# a batch of nothing but single runs must not have more of them than a message may
_RUN_WEIGHT = BATCH_BYTES // MAX_ITEMS


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

    def share(self, staging: np.ndarray, values: np.ndarray) -> None:
        """Use shared memory from now on."""
        self.staging, self.values, self.shared = staging, values, True

    def reserve(self, size: int) -> None:
        """See to it that staging has room for so many elements. Nothing may be staged."""
        if self.staging.size < size:
            self.staging = np.empty(max(size, 2 * self.staging.size), self.dtype)
            for block in self._blocks:
                if block is not None:
                    block.bind()

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


class Batch:
    """Pushes and pulls that have not been sent yet, all of segments that are shared, or all of segments that are not.

    pushes, pulls: runs, merged where blocks follow each other. staged: the parameter of every block pushed. weight:
    roughly the bytes that the batch will take.
    """

    __slots__ = ("mapped", "pulls", "pushes", "staged", "weight")

    def __init__(self, mapped: bool) -> None:
        self.mapped = mapped
        self.clear()

    def clear(self) -> None:
        """Begin a new batch."""
        self.pushes: list[Run] = []
        self.pulls: list[Run] = []
        self.staged: list[Parameter] = []
        self.weight = 0

    def add_push(self, block: Block, number: int) -> None:
        """Send what lies in the block's staging as its round `number`."""
        self.staged.append(block.parameter)
        self.weight += block.nbytes
        runs = self.pushes
        if runs:
            last = runs[-1]
            if last[1] + last[2] == block.index and last[3] == number and last[0] == block.number:
                last[2] += 1
                return
        runs.append([block.number, block.index, 1, number])
        self.weight += _RUN_WEIGHT

    def add_pull(self, block: Block, number: int) -> None:
        """Ask for a block as of round `number`."""
        runs = self.pulls
        if runs:
            last = runs[-1]
            if last[1] + last[2] == block.index and last[3] == number and last[0] == block.number:
                last[2] += 1
                return
        runs.append([block.number, block.index, 1, number])
        self.weight += _RUN_WEIGHT


class Lane:
    """The segments of one server, and what has not been sent to it yet. pending: there is such."""

    def __init__(self, server: int) -> None:
        self.server = server
        self.segments: dict[int, LaneSegment] = {}
        self.batches = (Batch(mapped=False), Batch(mapped=True))
        self.pending = False

    def payload(self, runs: list[Run]) -> np.ndarray:
        """The staged values of runs, as bytes, one after the other."""
        parts = [self._staged(run) for run in runs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _staged(self, run: Run) -> np.ndarray:
        segment = self.segments[run[0]]
        blocks = segment.run(run[1], run[2])
        first, last = blocks[0], blocks[-1]
        return segment.staging[first.position : last.position + last.length].view(np.uint8)
