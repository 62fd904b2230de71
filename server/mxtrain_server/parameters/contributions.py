"""What workers have pushed to one segment and what has not been summed yet."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass
class Piece:
    """The values that one worker pushed for blocks `first` to `stop`; `base` is where they begin in the segment."""

    rank: int
    first: int
    stop: int
    base: int
    values: np.ndarray
    left: int  # blocks not yet summed

    def part(self, start: int, stop: int) -> np.ndarray:
        """The values of the segment's elements `start` to `stop`."""
        return self.values[start - self.base : stop - self.base]


class Contributions:
    """The pieces of all workers, by round. Which piece came first makes no difference to what `take` gives."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[Piece]] = {}

    def add(self, number: int, piece: Piece) -> None:
        """Keep a piece of round `number`."""
        self._pieces.setdefault(number, []).append(piece)

    def take(self, number: int, first: int, stop: int) -> Iterator[tuple[int, int, list[Piece]]]:
        """Remove blocks of a round: (first, stop, pieces in rank order), where each piece covers all those blocks."""
        pieces = self._pieces.get(number, [])
        inside = sorted((p for p in pieces if p.first < stop and p.stop > first), key=lambda p: (p.rank, p.first))
        edges = {first, stop}
        for piece in inside:
            edges.update((max(piece.first, first), min(piece.stop, stop)))
            piece.left -= min(piece.stop, stop) - max(piece.first, first)
        yield from _sweep(sorted(edges), inside)
        rest = [piece for piece in pieces if piece.left]
        if rest:
            self._pieces[number] = rest
        else:
            self._pieces.pop(number, None)

    def pieces(self) -> Iterator[tuple[int, Piece]]:
        """(round, piece) of everything that has not been summed."""
        for number, pieces in self._pieces.items():
            for piece in pieces:
                yield number, piece

    def __len__(self) -> int:
        return sum(map(len, self._pieces.values()))


def _sweep(edges: list[int], pieces: list[Piece]) -> Iterator[tuple[int, int, list[Piece]]]:
    """Cut a range of blocks at every edge; `pieces` are sorted by rank and then by first block."""
    by_rank: dict[int, list[Piece]] = {}
    for piece in reversed(pieces):
        by_rank.setdefault(piece.rank, []).append(piece)
    queues = [by_rank[rank] for rank in sorted(by_rank)]
    for start, stop in itertools.pairwise(edges):
        covering = []
        for queue in queues:
            while queue and queue[-1].stop <= start:
                queue.pop()
            if queue and queue[-1].first <= start:
                covering.append(queue[-1])
        yield start, stop, covering
