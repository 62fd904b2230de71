"""Packing: where in one piece of memory each block lies, so that blocks that live at the same time do not overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ALIGNMENT = 64  # bytes: a cache line, and what vector loads like


@dataclass
class Block:
    """Memory that values use one after the other.

    nbytes: its size. first, last: the steps between which it is in use, both included. place: the device it is on.
    offset: where it begins, in bytes from the start of the place's memory; known after `pack`.
    """

    nbytes: int
    first: int
    last: int
    place: Any = None
    offset: int = 0


def pack(blocks: Sequence[Block]) -> int:
    """Give every block its offset; returns how many bytes they need together.

    Large blocks come first, each into the lowest gap that is wide enough among the blocks that live while it does.
    """
    count = len(blocks)
    first, last, begin, end = (np.empty(count, np.int64) for _ in range(4))
    ordered = sorted(blocks, key=lambda block: (-block.nbytes, block.first))
    for position, block in enumerate(ordered):
        beside = (first[:position] <= block.last) & (last[:position] >= block.first)
        block.offset = _lowest_gap(begin[:position][beside], end[:position][beside], _room(block))
        first[position], last[position] = block.first, block.last
        begin[position], end[position] = block.offset, block.offset + _room(block)
    return int(end.max()) if count else 0


def _room(block: Block) -> int:
    """The size of a block with the gap that aligns the next one."""
    return -(-block.nbytes // ALIGNMENT) * ALIGNMENT


def _lowest_gap(begin: np.ndarray, end: np.ndarray, room: int) -> int:
    """The lowest offset with `room` bytes free of the given intervals."""
    if not len(begin):
        return 0
    order = np.argsort(begin, kind="stable")
    free_from = np.concatenate(([0], np.maximum.accumulate(end[order])))
    wide_enough = np.flatnonzero(begin[order] - free_from[:-1] >= room)
    return int(free_from[wide_enough[0]]) if len(wide_enough) else int(free_from[-1])
