"""`Batch`: pushes and pulls that travel together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxtrain_kvstore.wire.messages import MAX_ITEMS, Run

if TYPE_CHECKING:
    from mxtrain_kvstore.distributed.parameter import Block

#: Weight at which a batch is sent without waiting for more.
BATCH_BYTES = 1 << 21
#: What a block weighs besides its bytes: a batch of them must not make more runs than a message may hold.
BLOCK_WEIGHT = BATCH_BYTES // MAX_ITEMS


class Batch:
    """Blocks that have been pushed or pulled and not been sent, of segments that are shared, or of such that are not.

    weight: roughly the bytes that the batch will take.
    """

    __slots__ = ("mapped", "pulls", "pushes", "weight")

    def __init__(self, mapped: bool) -> None:
        self.mapped = mapped
        self.pushes: list[Block] = []
        self.pulls: list[Block] = []
        self.weight = 0

    def take_pushes(self) -> list[Run]:
        """The runs of all pushes, which are now on their way."""
        blocks, self.pushes, self.weight = self.pushes, [], 0
        for block in blocks:
            block.parameter.staged -= 1
        return runs_of(blocks)

    def take_pulls(self) -> list[Run]:
        """The runs of all pulls, which are now on their way."""
        blocks, self.pulls = self.pulls, []
        return runs_of(blocks)


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
