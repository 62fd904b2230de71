"""Runs of neighbouring blocks for which something holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np


def runs_where(condition: np.ndarray, offset: int = 0) -> Iterator[tuple[int, int]]:
    """(start, stop) of every maximal run of True in a bool vector, counted from `offset`."""
    edges = np.flatnonzero(np.diff(condition, prepend=False, append=False)) + offset
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def equal_runs(values: np.ndarray, offset: int = 0) -> Iterator[tuple[int, int]]:
    """(start, stop) of every maximal run of equal numbers, counted from `offset`."""
    edges = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    for start, stop in itertools.pairwise(edges):
        yield start + offset, stop + offset
