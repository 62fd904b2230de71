"""Where workers are in their training, for processes that take their places."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: Rank, store and slot: a worker saves what changes rarely apart from what changes with every step.
Place = tuple[int, int, int]


class Position(NamedTuple):
    """What a worker saved before a step. rounds: by segment, which rounds of each block it had pushed by then."""

    step: int
    data: bytes
    rounds: dict[int, np.ndarray]


class Positions:
    """The newest position of each worker."""

    def __init__(self) -> None:
        self._saved: dict[Place, Position] = {}

    def save(self, place: Place, position: Position) -> None:
        """Keep a position in the place of the one before."""
        self._saved[place] = position

    def find(self, place: Place) -> Position | None:
        """The newest position."""
        return self._saved.get(place)

    def forget(self, rank: int) -> None:
        """Nobody will take this worker's place."""
        self._saved = {place: position for place, position in self._saved.items() if place[0] != rank}

    def dump(self) -> list[Any]:
        """All positions as plain values and arrays."""
        return [
            [list(place), position.step, position.data, sorted(position.rounds.items())]
            for place, position in self._saved.items()
        ]

    def load(self, tree: list[Any]) -> None:
        """Continue from what `dump` gave."""
        self._saved = {tuple(place): Position(step, data, dict(rounds)) for place, step, data, rounds in tree}
