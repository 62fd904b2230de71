"""Memory planning: which value of a graph lives in which buffer.

Values whose lives do not overlap share a buffer; an operator that may compute in place takes over the buffer of an
input that nobody reads later; reshapes are views. The plan is made once, when an executor is bound.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mxtrain.symbol.graph import Entry, Node

ALIGNMENT = 64  # bytes: a cache line, and what vector loads like

Key = tuple[int, int]  # (id of a node, index of its output)


def key_of(entry: Entry) -> Key:
    """The key of a value in the tables of a plan."""
    return id(entry.node), entry.index


@dataclass
class Slot:
    """A buffer that several values use one after the other."""

    nbytes: int


@dataclass
class MemoryPlan:
    """slots: the shared buffers. slot_of: which slot a value lives in. view_of: which value a value is a reshape of."""

    slots: list[Slot] = field(default_factory=list)
    slot_of: dict[Key, int] = field(default_factory=dict)
    view_of: dict[Key, Key] = field(default_factory=dict)

    def root(self, key: Key) -> Key:
        """The value whose memory a value uses."""
        while key in self.view_of:
            key = self.view_of[key]
        return key


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
    """Walks the nodes in execution order and gives each value a place.

    specs: shape and dtype of every value. fixed: values that have memory of their own (arguments, gradients).
    kept: values that must outlive the run (outputs of the graph). spare: sizes in bytes of buffers that exist already.
    """

    def __init__(
        self, specs: Mapping[Key, Spec], fixed: Iterable[Key], kept: Iterable[Key], spare: Sequence[int] = ()
    ) -> None:
        self._specs = specs
        self._fixed = set(fixed)
        self._kept = set(kept)
        self._plan = MemoryPlan([Slot(nbytes) for nbytes in spare])
        self._free: list[int] = list(range(len(spare)))
        self._uses: dict[Key, int] = {}
        self._dispossessed: set[Key] = set()

    def plan(self, nodes: Sequence[Node]) -> MemoryPlan:
        """The plan for nodes in execution order (variables excluded)."""
        for node in nodes:
            self._note_view(node)
        self._kept = {self._plan.root(key) for key in self._kept}
        for node in nodes:
            for entry in node.inputs:
                root = self._plan.root(key_of(entry))
                self._uses[root] = self._uses.get(root, 0) + 1
        for node in nodes:
            self._place(node)
        return self._plan

    def _note_view(self, node: Node) -> None:
        """A reshape shares its input's memory, unless one of the two has to have its own."""
        if node.op is None or not node.op.view:
            return
        key, source = (id(node), 0), key_of(node.inputs[0])
        root = self._plan.root(source)
        if key in self._fixed or (key in self._kept and root in self._fixed):
            return
        self._plan.view_of[key] = source

    def _place(self, node: Node) -> None:
        outputs = [(id(node), i) for i in range(node.num_outputs)]
        placed = [key for key in outputs if key not in self._fixed and key not in self._plan.view_of]
        taken = self._take_over(node, placed)
        for key in placed:
            if key not in taken:
                self._plan.slot_of[key] = self._allocate(self._specs[key].nbytes)
        for entry in node.inputs:
            self._release_use(self._plan.root(key_of(entry)))
        for key in placed:
            if not self._uses.get(key):
                self._release(key)

    def _take_over(self, node: Node, placed: Sequence[Key]) -> set[Key]:
        """Let output 0 compute in place of an input that dies here."""
        if node.op is None or not placed or placed[0] != (id(node), 0):
            return set()
        output = placed[0]
        for index in node.op.inplace:
            if index >= len(node.inputs):
                continue
            source = self._plan.root(key_of(node.inputs[index]))
            if self._dies_here(source) and self._same_size(source, output):
                self._plan.slot_of[output] = self._plan.slot_of[source]
                self._dispossessed.add(source)
                return {output}
        return set()

    def _dies_here(self, source: Key) -> bool:
        """Whether the reader at hand is the last one of a value that lives in a shared buffer."""
        return source in self._plan.slot_of and source not in self._kept and self._uses.get(source) == 1

    def _same_size(self, a: Key, b: Key) -> bool:
        return self._specs[a].nbytes == self._specs[b].nbytes and self._specs[a].dtype == self._specs[b].dtype

    def _allocate(self, nbytes: int) -> int:
        """The smallest free buffer that is large enough, else the largest one grown, else a new one."""
        fitting = [slot for slot in self._free if self._plan.slots[slot].nbytes >= nbytes]
        if fitting:
            chosen = min(fitting, key=lambda slot: self._plan.slots[slot].nbytes)
        elif self._free:
            chosen = max(self._free, key=lambda slot: self._plan.slots[slot].nbytes)
            self._plan.slots[chosen].nbytes = nbytes
        else:
            self._plan.slots.append(Slot(nbytes))
            return len(self._plan.slots) - 1
        self._free.remove(chosen)
        return chosen

    def _release_use(self, root: Key) -> None:
        self._uses[root] -= 1
        if self._uses[root] == 0:
            self._release(root)

    def _release(self, key: Key) -> None:
        slot = self._plan.slot_of.get(key)
        if slot is not None and key not in self._kept and key not in self._dispossessed:
            self._free.append(slot)
