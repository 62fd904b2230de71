"""Which server holds which part of an array: pure functions of sizes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """Elements `offset` to `offset + length` of an array lie on server `server`."""

    server: int
    offset: int
    length: int


def place(size: int, loads: Sequence[int], bigarray_bound: int) -> list[Part]:
    """Where the elements of an array go, in order and without gaps; every part has at least one element.

    size: elements of the array. loads: bytes that each server holds already.
    bigarray_bound: an array of at least so many elements is cut into equal parts over all servers; a smaller one goes
    as a whole to the server with the fewest bytes, so that loads differ by no more than the largest such array.
    """
    if size >= max(bigarray_bound, len(loads)) and len(loads) > 1:
        return cut(size, len(loads))
    return [Part(min(range(len(loads)), key=loads.__getitem__), 0, size)]


def cut(size: int, num_parts: int) -> list[Part]:
    """Equal parts, one per server; lengths differ by at most one."""
    edges = [size * part // num_parts for part in range(num_parts + 1)]
    return [Part(server, start, stop - start) for server, (start, stop) in enumerate(itertools.pairwise(edges))]


def slices(length: int, itemsize: int, slice_bytes: int) -> list[tuple[int, int]]:
    """(offset, length) of the slices that a part is sent in: each of at most `slice_bytes`, none empty."""
    step = max(1, slice_bytes // itemsize)
    return [(start, min(step, length - start)) for start in range(0, length, step)]
