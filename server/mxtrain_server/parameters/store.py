"""`Store`: the parameters of one KVStore object of the job, and the rounds by which they change."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mxtrain.dtypes import as_dtype
from mxtrain_server.parameters.contributions import Contributions, Piece
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.intervals import equal_runs, runs_where
from mxtrain_server.parameters.memory import Memory
from mxtrain_server.parameters.optimizer_changes import OptimizerChanges
from mxtrain_server.parameters.pauses import Pauses, Place
from mxtrain_server.parameters.quorum import Quorum
from mxtrain_server.parameters.row_pieces import RowsPiece, Table, as_rows, row_sum
from mxtrain_server.parameters.segment import Segment
from mxtrain_server.parameters.updates import NoOptimizer, Replace, Updates, nothing_to_apply

#: Least bytes of room in a new segment; pages that are never touched cost nothing.
SEGMENT_BYTES = 1 << 26

MODES = ("sync", "async")


class CompletedRun(NamedTuple):
    """Blocks of a segment that have reached a new round."""

    segment: Segment
    first: int
    stop: int


class Store:
    """Keys, segments, members and rounds.

    sync: a round of a block is complete when every member has pushed it, or all but `backups`; the pushes are summed in
    rank order, whatever their order of arrival. A worker that leaves takes no part in rounds that it has not pushed.
    async: every push is applied when it comes. staleness: a round is then complete for pulls when every member has
    pushed the round so much before it; None: at once. keeps_previous: see Segment. late: pushes that came after their
    round.
    """

    def __init__(
        self,
        number: int,
        mode: str,
        members: set[int],
        keeps_previous: bool = False,
        staleness: int | None = None,
        backups: int = 0,
    ) -> None:
        if mode not in MODES:
            raise RequestError(f"Expected: a mode of {MODES}. Received: {mode!r}.")
        self.number = number
        self.mode = mode
        self.members = members
        self.quorum = Quorum(members, backups if mode == "sync" else 0)
        self.pauses = Pauses(self.quorum)
        # who is passed over has seen none of the weights in between, and will not ask for them
        self.keeps_previous = keeps_previous and mode == "sync" and not self.quorum.backups
        self.staleness = staleness if mode == "async" else None
        self.updates: Updates = Replace() if mode == "sync" and not self.quorum.backups else NoOptimizer()
        self.changes = OptimizerChanges()
        self.segments: list[Segment] = []
        self.heads: dict[Hashable, tuple[Segment, int]] = {}
        self.directory: dict[Hashable, list[Any]] = {}
        self.duplicates = self.late = 0
        self._open: dict[np.dtype, Segment] = {}
        self.contributions: dict[int, Contributions] = {}

    # ---------------------------------------------------------------- keys

    def create(self, entry: list[Any], memory: Memory, next_number: int) -> tuple[Segment, int]:
        """A new key: entry is [key, dtype, shape, lengths of its blocks]; the segment is new where its number says so.

        Creating a key again, in the same form, finds what the first time made.
        """
        key, dtype_name, shape, lengths = entry
        dtype = as_dtype(dtype_name)
        if not lengths or min(lengths) < 1:
            raise RequestError(f"Key {key!r}: expected blocks of at least one element. Received: {lengths!r:.100}.")
        if key in self.heads:
            return self._created_before(key, dtype, lengths)
        if shape and int(np.prod(shape, dtype=np.int64)) != sum(lengths):
            raise RequestError(f"Key {key!r}: expected {sum(lengths)} elements. Received: shape {tuple(shape)}.")
        segment = self._with_room(dtype, sum(lengths), memory, next_number)
        head = segment.add(key, tuple(shape) or (sum(lengths),), lengths)
        self.heads[key] = (segment, head)
        return segment, head

    def _created_before(self, key: Hashable, dtype: np.dtype, lengths: list[int]) -> tuple[Segment, int]:
        segment, head = self.heads[key]
        _, stop = segment.key_blocks(head)
        there = [segment.starts[block + 1] - segment.starts[block] for block in range(head, stop)]
        if (segment.dtype, there) != (dtype, lengths):
            raise RequestError(
                f"Key {key!r} exists. Expected: {sum(there)} {segment.dtype.name} values. "
                f"Received: {sum(lengths)} {dtype.name} values."
            )
        return segment, head

    def _with_room(self, dtype: np.dtype, size: int, memory: Memory, next_number: int) -> Segment:
        """The open segment of a dtype, or a new one where it has no room: a key's blocks stay together."""
        segment = self._open.get(dtype)
        if segment is None or segment.room < size:
            nbytes = max(SEGMENT_BYTES, size * dtype.itemsize)
            segment = Segment(next_number, self.number, dtype, memory.allocate(nbytes), self.keeps_previous)
            self.adopt(segment)
        return segment

    def adopt(self, segment: Segment) -> None:
        """Take a segment, whose keys become keys of the store."""
        self.segments.append(segment)
        self.contributions[segment.number] = Contributions()
        self._open[segment.dtype] = segment
        self.heads.update((segment.labels[head].key, (segment, head)) for head in segment.shapes)

    # ---------------------------------------------------------------- pushes

    def push(
        self, rank: int, segment: Segment, first: int, blocks: int, number: int, values: np.ndarray
    ) -> list[CompletedRun]:
        """Take one worker's push of round `number`; returns what it completed. What was taken before is dropped.

        values: flat, the blocks' elements, of the segment's dtype. Raises RequestError for a round out of turn.
        """
        stop = first + blocks
        low, _ = segment.bounds(first, stop)
        self._wake(rank, segment, first, stop, number)
        pushed = segment.pushed_by(rank)[first:stop]
        if not bool((pushed == number - 1).all()) or self.quorum.backups or rank in segment.shifts:
            return self._push_open(rank, segment, first, stop, number, values)
        pushed[:] = number
        if self.mode == "async":
            return self._go_on(segment, first, stop, self._apply(segment, first, stop, [values], rank))
        self.contributions[segment.number].add(number, Piece(rank, first, stop, low, values, blocks))
        return self.advance(segment, first, stop)

    def push_rows(self, segment: Segment, number: int, piece: RowsPiece) -> list[CompletedRun]:
        """Take one worker's push of rows of a key, in round `number`; otherwise as `push`."""
        self._wake(piece.rank, segment, piece.first, piece.stop, number)
        fresh, rounds = self._enter(piece.rank, segment, piece.first, piece.stop, number)
        if self.mode == "async":
            if not bool(fresh.all()):
                return []
            return self._go_on(segment, piece.first, piece.stop, self._apply_rows(segment, [piece], piece.rank))
        wanted = fresh & (segment.taken[piece.first : piece.stop] < rounds)
        if bool(wanted.any()):
            piece.left = int(wanted.sum())
            self.contributions[segment.number].add(int(rounds[0]), piece)
        return self.advance(segment, piece.first, piece.stop)

    def _push_open(
        self, rank: int, segment: Segment, first: int, stop: int, number: int, values: np.ndarray
    ) -> list[CompletedRun]:
        """Of a push, take what has not been taken before, and whose round is not over."""
        fresh, rounds = self._enter(rank, segment, first, stop, number)
        base, _ = segment.bounds(first, stop)
        completed: list[CompletedRun] = []
        for start, end in runs_where(fresh & (segment.taken[first:stop] < rounds), first):
            for low, high in equal_runs(rounds[start - first : end - first], start):
                origin, edge = segment.bounds(low, high)
                part = values[origin - base : edge - base]
                if self.mode == "async":
                    completed += self._go_on(segment, low, high, self._apply(segment, low, high, [part], rank))
                else:
                    piece = Piece(rank, low, high, origin, part, high - low)
                    self.contributions[segment.number].add(int(rounds[low - first]), piece)
        return completed if self.mode == "async" else self.advance(segment, first, stop)

    def _enter(self, rank: int, segment: Segment, first: int, stop: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Note a push: for which blocks it is not one that was taken before, and which round of them it belongs to.

        With backups a worker may pass over the rounds that were completed without it. Raises RequestError for a round
        out of turn.
        """
        pushed, rounds = segment.pushed_by(rank)[first:stop], segment.rounds_of(rank, first, stop, number)
        if isinstance(self.updates, NoOptimizer):
            raise nothing_to_apply()
        passed = np.maximum(pushed, segment.taken[first:stop] - (rounds - number)) if self.quorum.backups else pushed
        if bool((number > passed + 1).any()):
            raise RequestError(
                f"Keys {segment.names(first, stop)[:3]} of worker {rank}: expected round {int(passed.min()) + 1}. "
                f"Received: round {number}."
            )
        fresh = pushed < number
        self.duplicates += not bool(fresh.all())
        self.late += self.mode == "sync" and bool((fresh & (segment.taken[first:stop] >= rounds)).any())
        pushed[fresh] = number
        return fresh, rounds

    def _wake(self, rank: int, segment: Segment, first: int, stop: int, number: int) -> None:
        """Who pushes has left its barrier, and so have all others; not a process that does its rank's past again."""
        if rank in self.quorum.resting and bool((segment.pushed_by(rank)[first:stop] < number).any()):
            self.quorum.wake(self.segments)

    @property
    def waits(self) -> bool:
        """Whether pulls wait for other workers."""
        return self.mode == "sync" or self.staleness is not None

    def _go_on(self, segment: Segment, first: int, stop: int, completed: list[CompletedRun]) -> list[CompletedRun]:
        """After a change of an asynchronous store: the blocks whose pulls may go on, where staleness is bounded."""
        if self.staleness is None or not self.members or first == stop:
            return completed
        segment.completed[first:stop] = self.quorum.lowest(segment, first, stop) + self.staleness
        return [CompletedRun(segment, first, stop)]

    def _go_on_everywhere(self) -> list[CompletedRun]:
        """After a worker has come or gone."""
        if self.mode == "sync":
            return [run for segment in self.segments for run in self.advance(segment, 0, segment.num_blocks)]
        return [run for segment in self.segments for run in self._go_on(segment, 0, segment.num_blocks, [])]

    def advance(self, segment: Segment, first: int, stop: int) -> list[CompletedRun]:
        """Carry out every round of these blocks that nobody is missing from."""
        completed: list[CompletedRun] = []
        while ready := list(self._ready(segment, first, stop)):
            for start, end in ready:
                completed += self._sum(segment, start, end)
        return completed

    def _ready(self, segment: Segment, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """Runs of blocks, at one round each, whose next round all those who are needed have pushed."""
        if not self.members:
            return
        taken = segment.taken[first:stop]
        for start, end in runs_where(self.quorum.lowest(segment, first, stop) > taken):
            yield from equal_runs(taken[start:end], first + start)

    def _sum(self, segment: Segment, first: int, stop: int) -> list[CompletedRun]:
        number = int(segment.taken[first]) + 1
        segment.taken[first:stop] = number
        completed: list[CompletedRun] = []
        for start, end in self.changes.runs(segment, first, stop, number, self.updates):
            completed += self._sum_alike(segment, start, end, number)
        return completed

    def _sum_alike(self, segment: Segment, first: int, stop: int, number: int) -> list[CompletedRun]:
        """Carry out a round of blocks that have the same hyper-parameters."""
        completed: list[CompletedRun] = []
        for start, end, pieces in self.contributions[segment.number].take(number, first, stop):
            if not pieces:  # who should have pushed has joined, or left, in between
                segment.completed[start:end] = number
                completed.append(CompletedRun(segment, start, end))
                continue
            if rows := as_rows(pieces, start, end):
                completed += self._apply_rows(segment, rows, -1)
                continue
            low, high = segment.bounds(start, end)
            arrays = [piece.part(low, high) for piece in pieces]
            completed += self._apply(segment, start, end, arrays, -1)
        return completed

    def _apply(
        self, segment: Segment, first: int, stop: int, arrays: Sequence[np.ndarray], source: int
    ) -> list[CompletedRun]:
        segment.keep_previous(first, stop)
        runs = self.updates.apply(segment, first, stop, arrays, source)
        for start, end in runs:
            segment.completed[start:end] = segment.taken[start:end]
        return [CompletedRun(segment, start, end) for start, end in runs]

    def _apply_rows(self, segment: Segment, pieces: Sequence[RowsPiece], source: int) -> list[CompletedRun]:
        """A round of one key, in which only rows were pushed."""
        table = Table.of(segment, pieces[0].first)
        gradient = row_sum(pieces, table.num_rows)
        sparse = any(piece.sparse for piece in pieces)
        segment.keep_previous_rows(table.head, table.stop, table.row_length, gradient.indices)
        if not self.updates.apply_rows(segment, table.head, table.stop, gradient, source, sparse):
            segment.forget_changes(table.head, table.stop)
        segment.completed[table.head : table.stop] = segment.taken[table.head : table.stop]
        return [CompletedRun(segment, table.head, table.stop)]

    def stays(self, rank: int, segment: Segment, first: int, stop: int, number: int) -> bool:
        """Whether the values of round `number` of some blocks stay as they are until this worker pushes again.

        Rounds do not wait for who is no member, nor for a process whose rank, before it died, had pushed the next one;
        nor for who stands in a barrier, or may be passed over.
        """
        if self.mode != "sync" or rank not in self.quorum.active or self.quorum.backups:
            return False
        return bool((segment.reached_by(rank)[first:stop] <= number).all())

    # ---------------------------------------------------------------- members

    def reached(self) -> int:
        """The highest round that any worker has pushed."""
        tables = [
            table for segment in self.segments for table in (segment.taken, *map(segment.reached_by, segment.pushed))
        ]
        return max((int(rounds.max()) for rounds in tables if rounds.size), default=0)

    def join(self, rank: int, number: int) -> list[CompletedRun]:
        """Let a worker take part in the rounds after `number`. Raises RequestError where one of them is done."""
        done = max((int(segment.taken.max()) for segment in self.segments if segment.num_blocks), default=0)
        if self.mode == "sync" and done > number:
            raise RequestError(f"Expected: to join after round {done}, which is done. Received: round {number}.")
        self.quorum.join(rank)
        for segment in self.segments:
            segment.pushed_by(rank)[:] = number
        return self._go_on_everywhere()

    def leave(self, rank: int) -> list[CompletedRun]:
        """Go on without a worker; returns what had been waiting for nobody else."""
        self.quorum.leave(rank)
        self.pauses.forget(rank)
        return self._go_on_without()

    def rest(self, rank: int, barrier: int) -> list[CompletedRun]:
        """Go on without a worker until it pushes again: it has come to its barrier of that number."""
        return self._go_on_without() if self.waits and self.quorum.rest(rank, barrier) else []

    def pause(self, rank: int, table: str, place: Place) -> list[CompletedRun]:
        """Go on without a worker that has no data for now; see Pauses."""
        return self._go_on_everywhere() if self.pauses.pause(rank, table, place) else []

    def resume(self, table: str, epoch: int) -> list[CompletedRun]:
        """Go on with all workers who had no data."""
        return self._go_on_everywhere() if self.pauses.resume(table, epoch, self.segments) else []

    def come_back(self, rank: int, table: str, place: Place, number: int) -> list[CompletedRun]:
        """Go on with a worker that has data again, after round `number`."""
        changed = self.pauses.come_back(rank, table, place, number, self.segments)
        return self._go_on_everywhere() if changed else []

    def _go_on_without(self) -> list[CompletedRun]:
        """One worker less may push. When all have come to the barrier, all are at the same rounds again."""
        completed = self._go_on_everywhere()
        if self.quorum.all_rest and self.members:
            self.quorum.wake(self.segments)
            completed += self._go_on_everywhere()
        return completed

    def missing(self, rank: int, segment: Segment, first: int, stop: int, number: int) -> list[int]:
        """The members that a worker's pull of its round `number` of some blocks waits for."""
        rounds = segment.rounds_of(rank, first, stop, number)
        if not self.waits or bool((segment.completed[first:stop] >= rounds).all()):
            return []
        return self.quorum.missing(segment, first, stop, rounds - (self.staleness or 0))
