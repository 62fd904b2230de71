"""`RowRequests`: pushes and pulls of single rows, checked and answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import MAX_PAYLOAD_BYTES
from mxtrain_server.parameters.answers import Answer
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.row_pieces import RowsPiece, Table
from mxtrain_server.parameters.segment import Segment
from mxtrain_server.parameters.store import CompletedRun, Store

_ID = np.dtype(np.int64)


class Stores(Protocol):
    """What is needed of the `ServerState`."""

    answers: list[Answer]
    bytes_in: int
    bytes_out: int

    def find_segment(self, number: int) -> tuple[Segment, Store]:
        """A segment with its store. Raises RequestError where there is none."""


class WantedRows(NamedTuple):
    """Rows of a table that a worker has asked for, as of a round; mapped: it can read them itself.

    shift: how much less the worker's own number of that round is.
    """

    rank: int
    request: int
    table: Table
    rows: np.ndarray
    round: int
    mapped: bool
    shift: int


class RowRequests:
    """All that the state knows about rows beside its stores: pushes that have come in part, and pulls that wait."""

    def __init__(self, state: Stores) -> None:
        self._state = state
        self._begun: dict[tuple[int, int, int], list[tuple[np.ndarray, np.ndarray]]] = {}
        self._waiting: dict[int, list[WantedRows]] = {}

    # ---------------------------------------------------------------- pushes

    def push(self, rank: int, message: m.PushRows, payload: np.ndarray | None) -> list[CompletedRun]:
        """Take a worker's rows; returns what they completed. Raises RequestError for rows that make no sense."""
        segment, store = self._state.find_segment(message.segment)
        table = Table.of(segment, message.head)
        found = self._gather(rank, segment, table, message, payload)
        if found is None:
            return []
        rows, values = found
        if message.round == 0:
            self._write(segment, store, table, rows, values)
            return []
        self._state.bytes_in += values.nbytes
        base = segment.starts[table.head]
        piece = RowsPiece(
            rank, table.head, table.stop, base, values, table.stop - table.head, rows, table.row_length, message.sparse
        )
        return store.push_rows(segment, message.round, piece)

    def _gather(
        self, rank: int, segment: Segment, table: Table, message: m.PushRows, payload: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Rows and flat values of a push, when all of it has come; else None."""
        place = (rank, segment.number, table.head)
        begun = self._begun.pop(place, [])
        rows, values = _split(segment, table, payload)
        there = sum(len(part) for part, _ in begun)
        if message.start != there and message.start == 0:
            begun, there = [], 0  # another process has taken the worker's place
        if message.start != there or there + len(rows) > message.total or message.total > table.num_rows:
            raise RequestError(
                f"Key {segment.labels[table.head].key!r}: expected at most {table.num_rows} rows, from number {there} "
                f"on. Received: {len(rows)} from {message.start} on, of {message.total}."
            )
        first = int(begun[-1][0][-1]) + 1 if begun else 0
        _require_rising(segment, table, rows, first)
        if not begun and len(rows) == message.total:
            return rows, values
        if not len(rows):
            raise RequestError(f"Key {segment.labels[table.head].key!r}: expected rows. Received: none of them.")
        begun.append((rows, values))
        if there + len(rows) < message.total:
            self._begun[place] = begun
            return None
        return np.concatenate([part for part, _ in begun]), np.concatenate([part for _, part in begun])

    @staticmethod
    def _write(segment: Segment, store: Store, table: Table, rows: np.ndarray, values: np.ndarray) -> None:
        """Initial values; those of a key that was pushed or published before stay as they are."""
        known = segment.labels[table.head].key in store.directory
        if not known and not segment.completed[table.head : table.stop].any():
            segment.make_room(table.head, table.stop, rows, table.row_length)
            table.view(segment, segment.values)[rows] = values.reshape(len(rows), table.row_length)

    # ---------------------------------------------------------------- pulls

    def pull(self, rank: int, message: m.PullRows, payload: np.ndarray | None) -> None:
        """Answer with the rows when their round is complete."""
        segment, store = self._state.find_segment(message.segment)
        table = Table.of(segment, message.head)
        if payload is not None and payload.nbytes % _ID.itemsize:
            raise RequestError(f"Expected: numbers of rows. Received: {payload.nbytes} bytes.")
        rows = np.empty(0, _ID) if payload is None else payload.view(_ID)
        if len(rows) * table.row_length * segment.dtype.itemsize > MAX_PAYLOAD_BYTES:
            raise RequestError(f"Expected: rows of at most {MAX_PAYLOAD_BYTES} bytes. Received: {len(rows)} rows.")
        _require_rising(segment, table, rows, 0)
        number = int(segment.rounds_of(rank, table.head, table.head + 1, message.round)[0])
        shift = number - message.round
        wanted = WantedRows(rank, message.request, table, np.array(rows), number, message.mapped, shift)
        if not store.waits or _is_ready(segment, wanted):
            self._answer(segment, store, wanted)
        else:
            self._waiting.setdefault(segment.number, []).append(wanted)

    def wake(self, runs: Sequence[CompletedRun]) -> None:
        """Answer the pulls whose round is complete now."""
        if not self._waiting:
            return
        for segment in {run.segment.number: run.segment for run in runs}.values():
            waiting = self._waiting.pop(segment.number, [])
            still = []
            for wanted in waiting:
                if _is_ready(segment, wanted):
                    self._answer(segment, self._state.find_segment(segment.number)[1], wanted)
                else:
                    still.append(wanted)
            if still:
                self._waiting[segment.number] = still

    def _answer(self, segment: Segment, store: Store, wanted: WantedRows) -> None:
        table = wanted.table
        lasting = store.stays(wanted.rank, segment, table.head, table.stop, wanted.round)
        reached = segment.completed[table.head : table.stop]
        is_old = segment.previous is not None and bool((reached > wanted.round).any())
        number = int(reached.min()) if store.quorum.backups else wanted.round
        mapped = wanted.mapped and lasting and not is_old
        self._state.bytes_out += len(wanted.rows) * table.row_length * segment.dtype.itemsize
        message = m.PulledRows(wanted.request, number - wanted.shift, mapped)
        if message.mapped:
            self._state.answers.append(Answer(wanted.rank, message))
            return
        # a process in the place of a dead worker asks for the values that the dead one had
        source = segment.previous if is_old and segment.previous is not None else segment.values
        values = np.take(table.view(segment, source), wanted.rows, axis=0)
        self._state.answers.append(Answer(wanted.rank, message, values.reshape(-1)))

    def unmap(self, rank: int) -> None:
        """Send rows to a worker from now on, which may not come to read them in time."""
        for number, waiting in self._waiting.items():
            self._waiting[number] = [w._replace(mapped=False) if w.rank == rank else w for w in waiting]

    # ---------------------------------------------------------------- workers that are gone

    def forget(self, rank: int, segment: Segment | None = None) -> None:
        """A worker's process is gone, or has left the store of a segment."""
        numbers = list(self._waiting) if segment is None else [segment.number]
        for number in numbers:
            left = [wanted for wanted in self._waiting.pop(number, []) if wanted.rank != rank]
            if left:
                self._waiting[number] = left
        for place in [p for p in self._begun if p[0] == rank and (segment is None or p[1] == segment.number)]:
            del self._begun[place]

    def drop(self, segment: Segment) -> None:
        """A segment is gone."""
        self._waiting.pop(segment.number, None)
        self._begun = {place: parts for place, parts in self._begun.items() if place[1] != segment.number}

    # ---------------------------------------------------------------- copies

    def dump(self) -> list[Any]:
        """The pushes that have come in part."""
        return [
            [list(place), [[np.array(rows), np.array(values)] for rows, values in parts]]
            for place, parts in self._begun.items()
        ]

    def load(self, tree: list[Any]) -> None:
        """Continue from what `dump` gave."""
        self._begun = {tuple(place): [tuple(part) for part in parts] for place, parts in tree}


def _is_ready(segment: Segment, wanted: WantedRows) -> bool:
    return bool((segment.completed[wanted.table.head : wanted.table.stop] >= wanted.round).all())


def _split(segment: Segment, table: Table, payload: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and flat values of the rows in a payload. Raises RequestError where it does not hold whole rows."""
    if payload is None:
        return np.empty(0, _ID), np.empty(0, segment.dtype)
    count, rest = divmod(payload.nbytes, _ID.itemsize + table.row_length * segment.dtype.itemsize)
    if rest:
        raise RequestError(
            f"Key {segment.labels[table.head].key!r}: expected rows of {table.row_length} {segment.dtype.name} values "
            f"with their numbers. Received: {payload.nbytes} bytes."
        )
    return payload[: count * _ID.itemsize].view(_ID), payload[count * _ID.itemsize :].view(segment.dtype)


def _require_rising(segment: Segment, table: Table, rows: np.ndarray, first: int) -> None:
    """Raise RequestError unless numbers of rows are rising, each once, from `first` on, and within the table."""
    if not len(rows):
        return
    if rows[0] < first or rows[-1] >= table.num_rows or not bool((rows[1:] > rows[:-1]).all()):
        raise RequestError(
            f"Key {segment.labels[table.head].key!r}: expected rising numbers of rows from {first} to "
            f"{table.num_rows - 1}. Received: {rows[:3].tolist()} ... {rows[-3:].tolist()}."
        )
