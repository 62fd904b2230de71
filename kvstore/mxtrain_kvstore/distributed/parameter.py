"""`Parameter`: one key as a worker knows it, cut into the blocks that servers hold."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mxtrain.ndarray import NDArray
from mxtrain.ndarray.deferred import Arrival
from mxtrain_kvstore.distributed.batch import BLOCK_WEIGHT, Batch

if TYPE_CHECKING:
    from mxtrain_kvstore.distributed.lane import Lane, LaneSegment
    from mxtrain_kvstore.distributed.outgoing import Slice


#: Blocks of at least so many bytes are sent by themselves, without being staged.
DIRECT_BYTES = 1 << 16
#: Rounds that a worker may push ahead of the last one that it knows to be complete.
MAX_ROUNDS_AHEAD = 16
#: Higher than any round.
_NO_ROUND = 1 << 62


class Block:
    """A slice of a parameter, and where it lies: elements `position` on of a segment of one server.

    number: its segment's. offset, stop: its elements in the flat parameter. whole: it is the entire parameter.
    staging: the place in this worker's memory from which it is pushed, in the parameter's shape where it is whole, else
    flat. values: the server's values, mapped, in the same form; None where they cannot be mapped. batch: the one that
    it goes with; weight: what it adds to it. wanted: a pull of it is under way. waiting: the slice with its
    push, which waits for its turn. repeats: a push of its parameter is a copy into `staging`.
    """

    __slots__ = (
        "batch",
        "index",
        "lane",
        "length",
        "nbytes",
        "number",
        "offset",
        "parameter",
        "position",
        "repeats",
        "segment",
        "staging",
        "stop",
        "values",
        "waiting",
        "wanted",
        "weight",
        "whole",
    )

    def __init__(
        self,
        parameter: Parameter,
        lane: Lane,
        segment: LaneSegment,
        index: int,
        position: int,
        offset: int,
        length: int,
    ) -> None:
        self.parameter = parameter
        self.lane = lane
        self.number = segment.number
        self.nbytes = length * segment.dtype.itemsize
        self.weight = self.nbytes + BLOCK_WEIGHT
        self.segment = segment
        self.index = index
        self.position = position
        self.offset = offset
        self.length = length
        self.stop = offset + length
        self.whole = length == parameter.size
        self.wanted = False
        self.waiting: Slice | None = None
        self.staging: np.ndarray
        self.batch: Batch
        self.repeats = False
        self.values: np.ndarray | None = None

    def bind(self) -> None:
        """Take the views of the segment's memory."""
        part = slice(self.position, self.position + self.length)
        self.batch = self.lane.batches[self.segment.shared]
        self.repeats = self.whole and (self.segment.shared or self.nbytes < DIRECT_BYTES)
        self.staging = self.formed(self.segment.staging[part])
        self.values = None if self.segment.values is None else self.formed(self.segment.values[part])

    def formed(self, flat: np.ndarray) -> np.ndarray:
        """The block's values, which a flat array begins with, in the form of its staging."""
        values = flat[: self.length]
        return values.reshape(self.parameter.shape) if self.whole else values


def _unknown() -> object:
    """What stands for an array that is not known: no array is this function."""
    return _unknown


class Share(NamedTuple):
    """What one server holds of a parameter: so many elements from `offset` on, in a segment from block `head` on."""

    server: int
    segment: int
    head: int
    offset: int
    elements: int


class Parameter:
    """A key with its blocks in order, and what is under way for it.

    pushed: rounds that this worker has pushed. seen: the round that its last pull brought. rounds_ahead: how much more
    `pushed` may be. passed: rounds that the servers have completed without this worker, and that it does not push.
    staged: blocks whose push has been staged and not been sent. priority: of the last push or pull. awaiting: blocks of
    a pull that have not come. reached: the lowest round that blocks of the pull have brought. outs: the arrays that the
    pull fills. finish: what to call when it has. settle: waits for the pull. stype: the storage that the key was
    initialized with. row_pulls: how many answers of `awaiting` bring single rows.

    What a training loop repeats: source(), out(): the arrays of the last push and pull, which are known to fit; other
    objects where there are none. block: the only one. idle: nothing is under way, the servers have completed what was
    pushed, and a push is a copy into the staging of the block. arrival: of the pull to out(). step: the one of
    HyperParameters in which it was pushed.
    """

    __slots__ = (
        "arrival",
        "awaiting",
        "block",
        "blocks",
        "dtype",
        "finish",
        "idle",
        "key",
        "nbytes",
        "out",
        "outs",
        "passed",
        "priority",
        "pushed",
        "reached",
        "rounds_ahead",
        "row_pulls",
        "seen",
        "settle",
        "shape",
        "shares",
        "size",
        "source",
        "staged",
        "step",
        "stype",
    )

    def __init__(
        self,
        key: Hashable,
        shape: tuple[int, ...],
        dtype: np.dtype,
        settle: Callable[[Parameter], None],
        stype: str = "default",
    ) -> None:
        self.key = key
        self.shape = shape
        self.dtype = dtype
        self.size = int(np.prod(shape, dtype=np.int64))
        self.nbytes = self.size * dtype.itemsize
        self.block: Block
        self.blocks: list[Block] = []
        self.shares: list[Share] = []
        self.pushed = 0
        self.seen = 0
        self.passed = 0
        self.reached = _NO_ROUND
        self.rounds_ahead = MAX_ROUNDS_AHEAD
        self.staged = 0
        self.priority: float = 0
        self.step = 0
        self.stype = stype
        self.row_pulls = 0
        self.awaiting = 0
        self.outs: list[np.ndarray] = []
        self.finish: list[Callable[[], None]] = []
        self.settle: Callable[[], None] = lambda: settle(self)
        self.source: Callable[[], Any] = _unknown
        self.out: Callable[[], Any] = _unknown
        self.idle = False
        self.arrival = Arrival(self.settle)

    def catch_up(self) -> None:
        """The pull has come: go on from the round that it brought."""
        self.seen, self.reached = self.reached, _NO_ROUND
        if self.seen > self.pushed:
            self.passed += self.seen - self.pushed
            self.pushed = self.seen

    @property
    def row_length(self) -> int:
        """Elements of one row."""
        return self.size // self.shape[0] if self.shape else 1

    @property
    def is_cut_by_rows(self) -> bool:
        """Whether each server holds whole rows."""
        return bool(self.shape) and all(
            share.offset % self.row_length == 0 and share.elements % self.row_length == 0 for share in self.shares
        )

    def know_source(self, array: NDArray) -> None:
        """The next push of this array needs no checks, nor does a later one until another is pushed."""
        if len(self.blocks) == 1:
            self.block = self.blocks[0]
            self.source = weakref.ref(array)

    def know_out(self, array: NDArray) -> None:
        """The next pull to this array needs no checks."""
        if len(self.blocks) == 1:
            self.block = self.blocks[0]
            self.out = weakref.ref(array)

    def forget_source(self) -> None:
        """The next push is checked again, whatever array it is of."""
        self.source = _unknown

    def describe(self) -> str:
        """The key, its shape and dtype, for people."""
        return f"key {self.key!r} (shape {self.shape}, {self.dtype.name})"
