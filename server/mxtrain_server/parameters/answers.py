"""What a shard says to workers, and in which pieces it sends values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mxtrain_server.parameters.segment import Segment

#: Most bytes of one payload frame of an answer, unless a single block is larger.
ANSWER_BYTES = 1 << 20


class Answer(NamedTuple):
    """A message for a worker. payload: flat values; lasting: they stay as they are until the worker's next push."""

    rank: int
    message: Any
    payload: np.ndarray | None = None
    lasting: bool = True


def frames_of(segment: Segment, first: int, stop: int) -> list[tuple[int, int]]:
    """Cut a run of blocks into pieces of at most ANSWER_BYTES, each at least one block."""
    most = ANSWER_BYTES // segment.dtype.itemsize
    if segment.starts[stop] - segment.starts[first] <= most:
        return [(first, stop)]
    pieces = []
    start = first
    for block in range(first + 1, stop + 1):
        if block == stop or segment.starts[block + 1] - segment.starts[start] > most:
            pieces.append((start, block))
            start = block
    return pieces
