"""Which server holds which part of an array: pure functions of sizes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """Elements `offset` to `offset + length` of an array lie on server `server`."""

    server: int
    offset: int
    length: int


#: An array of at least so many rows per server is cut between rows.
ROWS_PER_SERVER = 8


def row_unit(shape: Sequence[int], num_servers: int, sparse: bool) -> int:
    """How many elements must stay together where an array is cut: a row of what is sparse, or has many rows."""
    if not shape or (shape[0] < ROWS_PER_SERVER * num_servers and not sparse):
        return 1
    return math.prod(shape[1:])


def place(size: int, loads: Sequence[int], bigarray_bound: int, unit: int = 1) -> list[Part]:
    """Where the elements of an array go, in order and without gaps; every part has at least one element.

    size: elements of the array. loads: bytes that each server holds already.
    bigarray_bound: an array of at least so many elements is cut into equal parts over all servers; a smaller one goes
    as a whole to the server with the fewest bytes, so that loads differ by no more than the largest such array.
    unit: elements that stay together.
    """
    if size >= max(bigarray_bound, len(loads)) and len(loads) > 1:
        return [part for part in cut(size, len(loads), unit) if part.length]
    return [Part(min(range(len(loads)), key=loads.__getitem__), 0, size)]


def cut(size: int, num_parts: int, unit: int = 1) -> list[Part]:
    """Equal parts, one per server; lengths differ by at most `unit`, of which size is a multiple."""
    edges = [size // unit * part // num_parts * unit for part in range(num_parts + 1)]
    return [Part(server, start, stop - start) for server, (start, stop) in enumerate(itertools.pairwise(edges))]


def slices(length: int, itemsize: int, slice_bytes: int) -> list[tuple[int, int]]:
    """(offset, length) of the slices that a part is sent in: each of at most `slice_bytes`, none empty."""
    step = max(1, slice_bytes // itemsize)
    return [(start, min(step, length - start)) for start in range(0, length, step)]
