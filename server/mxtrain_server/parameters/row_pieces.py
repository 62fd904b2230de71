"""Pushes of single rows: what is kept of them until their round is complete, and their sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mxtrain.ops.kernels.sparse.sums import sum_of_row_sparse
from mxtrain.ops.sparse.containers import RowSparse
from mxtrain_server.parameters.contributions import Piece
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.segment import Segment


class Table(NamedTuple):
    """A key's share as rows: its blocks `head` to `stop`, and its form. row_length: elements of a row."""

    head: int
    stop: int
    num_rows: int
    row_length: int

    @staticmethod
    def of(segment: Segment, head: int) -> Table:
        """The table whose first block is `head`. Raises RequestError where there is none."""
        segment.bounds(head, head + 1)
        if segment.labels[head].head != head:
            raise RequestError(f"Segment {segment.number}: expected the first block of a key. Received: block {head}.")
        stop = segment.key_blocks(head)[1]
        low, high = segment.bounds(head, stop)
        num_rows = segment.shapes[head][0]
        return Table(head, stop, num_rows, (high - low) // num_rows)

    def view(self, segment: Segment, values: np.ndarray) -> np.ndarray:
        """The table's part of an array that is laid out like the segment's values; (num_rows, row_length)."""
        low, high = segment.bounds(self.head, self.stop)
        return values[low:high].reshape(self.num_rows, self.row_length)


@dataclass
class RowsPiece(Piece):
    """Rows that one worker pushed of a key, all of whose blocks it stands for.

    rows: (n,) int64, rising. values: (n * row_length,). sparse: the key was initialized as row_sparse.
    """

    rows: np.ndarray
    row_length: int
    sparse: bool

    def part(self, start: int, stop: int) -> np.ndarray:
        """The dense values of the segment's elements `start` to `stop`."""
        first = (start - self.base) // self.row_length
        last = -((self.base - stop) // self.row_length)
        low, high = np.searchsorted(self.rows, (first, last))
        dense = np.zeros((last - first, self.row_length), self.values.dtype)
        dense[self.rows[low:high] - first] = self.table[low:high]
        offset = start - self.base - first * self.row_length
        return dense.reshape(-1)[offset : offset + stop - start]

    @property
    def table(self) -> np.ndarray:
        """The values by row."""
        return self.values.reshape(len(self.rows), self.row_length)


def as_rows(pieces: Sequence[Piece], first: int, stop: int) -> list[RowsPiece]:
    """The pieces of a sum, where all of them are rows of one whole key; else none."""
    rows = [piece for piece in pieces if isinstance(piece, RowsPiece) and (piece.first, piece.stop) == (first, stop)]
    return rows if len(rows) == len(pieces) else []


def row_sum(pieces: Sequence[RowsPiece], num_rows: int) -> RowSparse:
    """The sum of one or more pieces of one key, each row in their order."""
    shape = (num_rows, pieces[0].row_length)
    return sum_of_row_sparse(np, *(RowSparse(piece.table, piece.rows, shape) for piece in pieces))
