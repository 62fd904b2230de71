"""Memory planning: which value of a graph lives in which block of memory.

Values whose lives do not overlap share memory; an operator that may compute in place takes over the block of an
input that nobody reads later; reshapes are views. The plan is made once, when an executor is bound.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mxtrain.executor.packing import ALIGNMENT, Block, pack
from mxtrain.symbol.graph import Entry, Node

__all__ = ["ALIGNMENT", "Key", "MemoryPlan", "MemoryPlanner", "Spec", "key_of"]

Key = tuple[int, int]  # (id of a node, index of its output)


def key_of(entry: Entry) -> Key:
    """The key of a value in the tables of a plan."""
    return id(entry.node), entry.index


@dataclass
class MemoryPlan:
    """blocks: pieces of memory. block_of: which one a value lives in. view_of: which value a value is a reshape of."""

    blocks: list[Block] = field(default_factory=list)
    block_of: dict[Key, int] = field(default_factory=dict)
    view_of: dict[Key, Key] = field(default_factory=dict)

    def root(self, key: Key) -> Key:
        """The value whose memory a value uses."""
        while key in self.view_of:
            key = self.view_of[key]
        return key

    def pack(self) -> dict[Any, int]:
        """Give every block its offset; returns the bytes needed on each device."""
        places: dict[Any, list[Block]] = {}
        for block in self.blocks:
            places.setdefault(block.place, []).append(block)
        return {place: pack(blocks) for place, blocks in places.items()}


@dataclass(frozen=True)
class Spec:
    """Shape and dtype of a value."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        count = 1
        for size in self.shape:
            count *= size
        return count * self.dtype.itemsize


class MemoryPlanner:
    """Walks the nodes in execution order and gives each value a block.

    specs: shape and dtype of every value. fixed: values that have memory of their own (arguments, gradients).
    kept: values that must outlive the run (outputs of the graph). place_of: the device of a node's outputs.
    """

    def __init__(
        self,
        specs: Mapping[Key, Spec],
        fixed: Iterable[Key],
        kept: Iterable[Key],
        place_of: Callable[[Node], Any] = lambda node: None,
    ) -> None:
        self._specs = specs
        self._fixed = set(fixed)
        self._kept = set(kept)
        self._place_of = place_of
        self._plan = MemoryPlan()
        self._uses: dict[Key, int] = {}

    def plan(self, nodes: Sequence[Node]) -> MemoryPlan:
        """The plan for nodes in execution order (variables excluded); its blocks are not packed yet."""
        for node in nodes:
            self._note_view(node)
        self._kept = {self._plan.root(key) for key in self._kept}
        for node in nodes:
            for entry in node.inputs:
                root = self._plan.root(key_of(entry))
                self._uses[root] = self._uses.get(root, 0) + 1
        for step, node in enumerate(nodes):
            self._place(step, node)
        for key in self._kept & self._plan.block_of.keys():
            self._block(key).last = len(nodes)
        return self._plan

    def _block(self, key: Key) -> Block:
        return self._plan.blocks[self._plan.block_of[key]]

    def _note_view(self, node: Node) -> None:
        """A reshape shares its input's memory, unless one of the two has to have its own."""
        if node.op is None or not node.op.view:
            return
        key, source = (id(node), 0), key_of(node.inputs[0])
        root = self._plan.root(source)
        if key in self._fixed or (key in self._kept and root in self._fixed):
            return
        self._plan.view_of[key] = source

    def _place(self, step: int, node: Node) -> None:
        outputs = [(id(node), i) for i in range(node.num_outputs)]
        for index, key in enumerate(outputs):
            if key in self._fixed or key in self._plan.view_of:
                continue
            if index > 0 or not self._take_over(step, node, key):
                self._plan.block_of[key] = len(self._plan.blocks)
                self._plan.blocks.append(Block(self._specs[key].nbytes, step, step, self._place_of(node)))
        for entry in node.inputs:
            root = self._plan.root(key_of(entry))
            self._uses[root] -= 1
            if root in self._plan.block_of:
                self._block(root).last = step

    def _take_over(self, step: int, node: Node, output: Key) -> bool:
        """Let output 0 compute in place of an input that dies here; whether it does."""
        if node.op is None:
            return False
        for index in node.op.inplace:
            if index >= len(node.inputs):
                continue
            source = self._plan.root(key_of(node.inputs[index]))
            if self._dies_here(source) and self._same_size(source, output):
                self._plan.block_of[output] = self._plan.block_of[source]
                return True
        return False

    def _dies_here(self, source: Key) -> bool:
        """Whether the reader at hand is the last one of a value that lives in a shared block."""
        return source in self._plan.block_of and source not in self._kept and self._uses.get(source) == 1

    def _same_size(self, a: Key, b: Key) -> bool:
        return self._specs[a].nbytes == self._specs[b].nbytes and self._specs[a].dtype == self._specs[b].dtype
