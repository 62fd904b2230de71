"""`Lane`: what is on its way between a worker and one server."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterator

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.compression.codec import Codec
from mxtrain_kvstore.compression.feedback import compress, quantize
from mxtrain_kvstore.compression.parameters import Compression
from mxtrain_kvstore.distributed.batch import Batch
from mxtrain_kvstore.distributed.outgoing import Outgoing
from mxtrain_kvstore.distributed.parameter import Block
from mxtrain_kvstore.wire.messages import Run

#: Bytes of memory that is asked for without room being set aside.
_LARGE_BYTES = 1 << 30
_MAP_NORESERVE = 0x4000 if sys.platform == "linux" else 0  # Python has no name for it before 3.12


class LaneSegment:
    """A server's segment as a worker sees it; memory that is never touched costs nothing.

    staging: where pushes are put together, laid out like the segment. values: the server's memory, mapped, or None.
    shared: the server reads `staging` itself. codec, pull_codec: how values are encoded on their way to the server and
    back; None: not at all. In memory that is shared they are replaced by what their code would be decoded to.
    """

    def __init__(self, number: int, store: int, dtype: np.dtype) -> None:
        self.number = number
        self.store = store
        self.dtype = dtype
        self.staging = np.empty(0, dtype)
        self.values: np.ndarray | None = None
        self.shared = False
        self.codec: Codec | None = None
        self.pull_codec: Codec | None = None
        self._residual = np.empty(0, np.float32)
        self._blocks: list[Block | None] = []

    def compress_by(self, compression: Compression) -> None:
        """Encode what is pushed and pulled from now on, where it is float32."""
        if self.dtype == np.float32:
            self.codec, self.pull_codec = compression

    def residual(self, low: int, high: int) -> np.ndarray:
        """What codes have left out of the elements that were pushed, and what the next push adds."""
        if self._residual.size < high:
            # untouched pages cost nothing, so room for the whole segment is asked for
            before, self._residual = self._residual, np.zeros(max(high, self.staging.size), np.float32)
            self._residual[: before.size] = before
        return self._residual[low:high]

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
            self.staging = _untouched(max(size, 2 * self.staging.size), self.dtype)
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


def _untouched(size: int, dtype: np.dtype) -> np.ndarray:
    """Values of any kind; there may be more of them than memory, as long as few are touched."""
    if size * dtype.itemsize < _LARGE_BYTES:
        return np.empty(size, dtype)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
    return np.frombuffer(mmap.mmap(-1, size * dtype.itemsize, flags=flags), dtype)


class Lane:
    """The segments of one server, and what has not been sent to it yet. pending: some of it is not in `outgoing`.

    unseen: shared segments whose memory is not mapped at the moment. compressing: there are segments with a codec.
    """

    def __init__(self, server: int) -> None:
        self.server = server
        self.segments: dict[int, LaneSegment] = {}
        self.batches = (Batch(mapped=False), Batch(mapped=True))
        self.outgoing = Outgoing()
        self.pending = False
        self.compressing = False
        self.unseen: set[int] = set()

    def unshare(self, segment: LaneSegment) -> None:
        """Send a segment's values from now on. Nothing of it is staged."""
        segment.shared = False
        segment.lose_sight()

    def nbytes(self, runs: list[Run]) -> int:
        """The bytes of the values of runs. Raises MXNetError where this worker does not know a block."""
        total = 0
        for number, first, count, _ in runs:
            segment = self.segments[number]
            blocks = segment.run(first, count)
            total += (blocks[-1].position + blocks[-1].length - blocks[0].position) * segment.dtype.itemsize
        return total

    def payload(self, runs: list[Run]) -> np.ndarray:
        """The staged values of runs, as bytes, one after the other."""
        parts = [self._staged(run) for run in runs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _staged(self, run: Run) -> np.ndarray:
        segment = self.segments[run[0]]
        blocks = segment.run(run[1], run[2])
        first, last = blocks[0], blocks[-1]
        return segment.staging[first.position : last.position + last.length].view(np.uint8)

    def by_codec(self, runs: list[Run], pull: bool = False) -> Iterator[tuple[Codec | None, list[Run]]]:
        """Runs, pushed or pulled, with the codec of their segments; together where it is one."""
        if not self.compressing:
            yield None, runs
            return
        groups: dict[Codec | None, list[Run]] = {}
        for run in runs:
            segment = self.segments[run[0]]
            groups.setdefault(segment.pull_codec if pull else segment.codec, []).append(run)
        yield from groups.items()

    def encoded(self, runs: list[Run], codec: Codec) -> np.ndarray:
        """The codes of staged values, as bytes, one after the other."""
        parts = [compress(codec, *unit) for run in runs for unit in self._units(run, codec)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def quantize(self, runs: list[Run], codec: Codec) -> None:
        """Replace staged values by what their codes would be decoded to."""
        for run in runs:
            for unit in self._units(run, codec):
                quantize(codec, *unit)

    def _units(self, run: Run, codec: Codec) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Staged values that are encoded together, each with its residual."""
        segment = self.segments[run[0]]
        blocks = segment.run(run[1], run[2])
        for first, last in [(blocks[0], blocks[-1])] if codec.elementwise else zip(blocks, blocks, strict=True):
            low, high = first.position, last.position + last.length
            yield segment.staging[low:high], segment.residual(low, high)
