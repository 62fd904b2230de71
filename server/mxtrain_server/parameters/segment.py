"""`Segment`: many parameters of one element type in one flat array, as a sequence of blocks with rounds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.memory import SegmentMemory


class Label(NamedTuple):
    """What a block holds: slice number `part` of the server's share of a key, whose share begins at block `head`."""

    key: Hashable
    part: int
    head: int


class Segment:
    """A flat array of values, cut into blocks that follow each other without gaps.

    number: the segment's name on the wire. store: the store that it belongs to. memory: its bytes; how many there are
    bounds how much it can take. Neighbouring blocks lie side by side, so that a run of them is one slice.

    Per block: `completed`, the last round whose result the values are; `taken`, the last round that was summed (the
    result follows at once, but for optimizers that need all blocks of a key); `pushed[rank]`, how often a worker has
    pushed; `shifts[rank]`, what is added to that number to get the round, where it is not 0. previous: the values of
    the round before the completed one, where they are kept: a process that takes the place of a dead worker may have to
    compute its last gradient from them again.
    """

    def __init__(
        self, number: int, store: int, dtype: np.dtype, memory: SegmentMemory, keeps_previous: bool = False
    ) -> None:
        self.number = number
        self.store = store
        self.dtype = dtype
        self.file = memory.file
        self.memory = memory.array
        self.values: np.ndarray = self.memory[: self.memory.size // dtype.itemsize * dtype.itemsize].view(dtype)
        self._more = memory.more
        self._make_room = memory.make_room
        self.previous = self.zeros(dtype) if keeps_previous else None
        self.labels: list[Label] = []
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.starts: list[int] = [0]
        self.completed = np.zeros(0, np.int64)
        self.taken = np.zeros(0, np.int64)
        self.pushed: dict[int, np.ndarray] = {}
        self.shifts: dict[int, np.ndarray] = {}
        self._changes: dict[int, np.ndarray] = {}  # by first block: rows in which `previous` is not of the round before

    def zeros(self, dtype: np.dtype) -> np.ndarray:
        """As many zeros as there are values, in memory of the same kind; pages that are never touched cost nothing."""
        if self._more is None:
            return np.zeros(self.values.size, dtype)
        return self._more(self.values.size * dtype.itemsize).view(dtype)

    @property
    def num_blocks(self) -> int:
        """How many blocks there are."""
        return len(self.labels)

    @property
    def room(self) -> int:
        """Elements that can still be added."""
        return int(self.values.size) - self.starts[-1]

    def add(self, key: Hashable, shape: tuple[int, ...], lengths: Sequence[int]) -> int:
        """New blocks for a key, of so many elements each, with values 0; returns the first one's number."""
        head = len(self.labels)
        for part, length in enumerate(lengths):
            self.labels.append(Label(key, part, head))
            self.starts.append(self.starts[-1] + length)
        self.shapes[head] = shape
        more = len(lengths)
        self.completed = _extended(self.completed, more)
        self.taken = _extended(self.taken, more)
        self.pushed = {rank: _extended(rounds, more) for rank, rounds in self.pushed.items()}
        self.shifts = {rank: _extended(rounds, more) for rank, rounds in self.shifts.items()}
        return head

    def make_room(self, first: int, stop: int, rows: np.ndarray | None = None, row_length: int = 1) -> None:
        """Must be called before blocks are written, or these rows of them, and all that is laid out like them.

        Raises MXNetError where there is no room, and then nothing has changed.
        """
        if self._make_room is None:
            return
        low, high = self.bounds(first, stop)
        starts = np.array([low]) if rows is None else low + rows * row_length
        stops = np.array([high]) if rows is None else starts + row_length
        self._make_room(starts * self.dtype.itemsize, stops * self.dtype.itemsize)

    def keep_previous(self, first: int, stop: int) -> None:
        """Keep the values of some blocks, which are about to change."""
        if self.previous is not None:
            low, high = self.bounds(first, stop)
            self.make_room(first, stop)
            self.previous[low:high] = self.values[low:high]
            self.forget_changes(first, stop)

    def keep_previous_rows(self, head: int, stop: int, row_length: int, rows: np.ndarray) -> None:
        """Keep the values of a key of which only these rows are about to change."""
        if self.previous is None:
            return
        changed = self._changes.get(head)
        if changed is None:
            self.keep_previous(head, stop)
        else:
            low, high = self.bounds(head, stop)
            before, now = (array[low:high].reshape(-1, row_length) for array in (self.previous, self.values))
            before[changed] = now[changed]
        self._changes[head] = rows

    def forget_changes(self, first: int, stop: int) -> None:
        """Other values than single rows of these blocks have changed."""
        for head in [head for head in self._changes if head < stop and self.key_blocks(head)[1] > first]:
            del self._changes[head]

    def pushed_by(self, rank: int) -> np.ndarray:
        """How often a worker has pushed each block."""
        if rank not in self.pushed:
            self.pushed[rank] = np.zeros(self.num_blocks, np.int64)
        return self.pushed[rank]

    def reached_by(self, rank: int) -> np.ndarray:
        """The last round that a worker has pushed, for each block."""
        pushed = self.pushed_by(rank)
        return pushed + self.shifts[rank] if rank in self.shifts else pushed

    def rounds_of(self, rank: int, first: int, stop: int, number: int) -> np.ndarray:
        """The round that push `number` of a worker belongs to, for blocks `first` to `stop`."""
        if rank in self.shifts:
            rounds: np.ndarray = self.shifts[rank][first:stop] + number
            return rounds
        return np.full(stop - first, number, np.int64)

    def shift(self, rank: int, more: np.ndarray) -> None:
        """The next pushes of a worker belong to rounds that are further on by so many, for each block."""
        if rank in self.shifts or more.any():
            self.shifts[rank] = self.shifts.get(rank, 0) + more

    def bounds(self, first: int, stop: int) -> tuple[int, int]:
        """The elements of blocks `first` to `stop`. Raises RequestError for blocks that do not exist."""
        if not 0 <= first < stop <= len(self.labels):
            raise RequestError(
                f"Segment {self.number}: expected blocks below {len(self.labels)}. Received: {first} to {stop}."
            )
        return self.starts[first], self.starts[stop]

    def key_blocks(self, block: int) -> tuple[int, int]:
        """First and last (exclusive) block of the key that a block belongs to."""
        head = self.labels[block].head
        stop = block + 1
        while stop < len(self.labels) and self.labels[stop].head == head:
            stop += 1
        return head, stop

    def names(self, first: int, stop: int) -> list[Hashable]:
        """The keys of a run of blocks, each once."""
        return list(dict.fromkeys(label.key for label in self.labels[first:stop]))


def _extended(rounds: np.ndarray, more: int) -> np.ndarray:
    return np.concatenate([rounds, np.zeros(more, np.int64)])
