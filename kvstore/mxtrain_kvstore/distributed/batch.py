"""`Batch`: pushes and pulls that travel together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxtrain_kvstore.distributed.outgoing import Slice
from mxtrain_kvstore.wire.messages import MAX_ITEMS, Run

if TYPE_CHECKING:
    from mxtrain_kvstore.distributed.parameter import Block

#: Weight at which a batch is sent without waiting for more; one of values that lie in shared memory, and of others.
MAPPED_BYTES = 1 << 21
SENT_BYTES = 5 << 18
#: What a block weighs besides its bytes: a batch of them must not make more runs than a message may hold.
BLOCK_WEIGHT = MAPPED_BYTES // MAX_ITEMS
#: Lower than any priority.
NO_PRIORITY = float("-inf")


class Batch:
    """Blocks that have been pushed or pulled and not been sent, of segments that are shared, or of such that are not.

    weight: roughly the bytes that the batch will take; limit: of it. priority: the highest of those that were given.
    """

    __slots__ = ("limit", "mapped", "priority", "pulls", "pushes", "rising", "weight")

    def __init__(self, mapped: bool) -> None:
        self.mapped = mapped
        self.pushes: list[Block] = []
        self.pulls: list[Block] = []
        self.weight = 0
        self.limit = MAPPED_BYTES if mapped else SENT_BYTES
        self.priority = NO_PRIORITY
        self.rising = False

    def rise(self, priority: float) -> None:
        """Something comes that is more important than all before it."""
        self.rising = self.rising or self.priority > NO_PRIORITY
        self.priority = priority

    def take(self) -> Slice:
        """All blocks, the more important first; the batch is empty then."""
        taken = Slice(self.mapped, self.pushes, self.pulls)
        if self.rising:
            for blocks in (self.pushes, self.pulls):
                blocks.sort(key=_importance)
        self.pushes, self.pulls, self.weight, self.priority, self.rising = [], [], 0, NO_PRIORITY, False
        return taken


def _importance(block: Block) -> float:
    return -block.parameter.priority


def runs_of(blocks: list[Block]) -> list[Run]:
    """Runs of blocks, in their order, at the rounds of their parameters; blocks that follow each other make one run."""
    runs: list[Run] = []
    segment = following = number = -1
    for block in blocks:
        if block.index == following and block.parameter.pushed == number and block.number == segment:
            runs[-1][2] += 1
        else:
            segment, number = block.number, block.parameter.pushed
            runs.append([segment, block.index, 1, number])
        following = block.index + 1
    return runs
