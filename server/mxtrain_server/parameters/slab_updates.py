"""Element-wise optimizers: a run of many parameters is updated as one flat array."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from mxtrain.context import cpu
from mxtrain.ndarray import NDArray, from_backend
from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.sparse.containers import RowSparse
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer
from mxtrain_kvstore.sums import CHUNK, chunks, sum_into
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.row_updates import update_rows
from mxtrain_server.parameters.segment import Segment
from mxtrain_server.parameters.updates import Updates


class SlabUpdates(Updates):
    """An element-wise optimizer on whole segments; its states are flat arrays laid out like the segment's values."""

    def __init__(self, optimizer: KernelOptimizer) -> None:
        self.optimizer = optimizer
        self._slabs: dict[int, Slab] = {}

    @staticmethod
    def supports(optimizer: Any) -> bool:
        """Whether an optimizer can be applied block by block, in pieces of any size."""
        return isinstance(optimizer, KernelOptimizer) and optimizer.elementwise and not optimizer.progress_fields

    def slab(self, segment: Segment) -> Slab:
        """What is kept about a segment."""
        if segment.number not in self._slabs:
            self._slabs[segment.number] = Slab(segment, self.optimizer)
        return self._slabs[segment.number]

    def apply(
        self, segment: Segment, first: int, stop: int, arrays: Sequence[np.ndarray], source: int
    ) -> list[tuple[int, int]]:
        """One update of each block, together where learning rate, weight decay and count are equal."""
        slab = self.slab(segment)
        slab.prepare(first, stop)
        segment.make_room(first, stop)
        origin = segment.starts[first]
        for start, end in slab.alike(first, stop):
            low, high = segment.bounds(start, end)
            self._update(slab, start, end, [array[low - origin : high - origin] for array in arrays])
        return [(first, stop)]

    def apply_rows(
        self, segment: Segment, first: int, stop: int, gradient: RowSparse, source: int, sparse: bool
    ) -> bool:
        """One update of a key, lazy where the optimizer is."""
        slab = self.slab(segment)
        slab.prepare(first, stop)
        if len(list(slab.alike(first, stop))) > 1:  # its blocks have been updated unequally often
            self.apply(segment, first, stop, [to_dense(np, gradient).reshape(-1)], source)
            return False
        hyper = self._hyper(slab, first, stop)
        room = partial(segment.make_room, first, stop, row_length=gradient.shape[1])
        return update_rows(self.optimizer, gradient, slab.views(*segment.bounds(first, stop)), hyper, sparse, room)

    def _hyper(self, slab: Slab, first: int, stop: int) -> dict[str, Any]:
        """Count an update of blocks that have one learning rate and count; lr, wd and t of it."""
        optimizer = self.optimizer
        slab.counts[first:stop] += 1
        count = int(slab.counts[first])
        optimizer.num_update = max(optimizer.num_update, count)
        lr = float(optimizer.learning_rate * slab.lr_mult[first])
        return {"lr": lr, "wd": float(optimizer.wd * slab.wd_mult[first]), "t": count}

    def _update(self, slab: Slab, first: int, stop: int, arrays: list[np.ndarray]) -> None:
        """Update blocks that have one learning rate and count; sums stay in the processor's cache."""
        hyper = self._hyper(slab, first, stop)
        low, high = slab.segment.bounds(first, stop)
        gradient = np.empty(min(CHUNK, high - low), slab.segment.dtype)
        for start, end in chunks(high - low):
            total = gradient[: end - start]
            sum_into(total, [array[start:end] for array in arrays])
            weight, states, low_precision = slab.views(low + start, low + end)
            self.optimizer.step(np, weight, total, states, low_precision=low_precision, **hyper)

    def state(self, segment: Segment, head: int, part: int) -> np.ndarray | None:
        """A view of a state array of one key; None before its first update."""
        slab = self._slabs.get(segment.number)
        first, stop = segment.key_blocks(head)
        if slab is None or not slab.is_prepared(first, stop) or part >= len(slab.vectors):
            return None
        low, high = segment.bounds(first, stop)
        return slab.vectors[part][low:high]

    def make_state(self, segment: Segment, head: int, part: int) -> np.ndarray:
        """A view of a state array of one key."""
        self.slab(segment).prepare(*segment.key_blocks(head))
        array = self.state(segment, head, part)
        if array is None:
            name = type(self.optimizer).__name__
            raise RequestError(f"Key {segment.labels[head].key!r}: the optimizer {name} has no state number {part}.")
        return array

    def description(self) -> dict[str, Any] | None:
        """The optimizer, with the counts of blocks that have not been updated."""
        description: dict[str, Any] = self.optimizer.to_config()
        return description

    def dump(self) -> dict[str, Any]:
        """The slabs."""
        return {"slabs": [[number, slab.dump()] for number, slab in self._slabs.items()]}

    def load(self, tree: Mapping[str, Any], segments: Mapping[int, Segment]) -> None:
        """Continue from what `dump` gave."""
        for number, part in tree["slabs"]:
            self.slab(segments[number]).load(part)

    def hyper_parameters(self) -> dict[str, Any]:
        """What the optimizer is told."""
        return self.optimizer.hyper_parameters()

    def set_hyper_parameters(self, values: dict[str, Any]) -> None:
        """Go on with others."""
        before = (self.optimizer.lr_mult, self.optimizer.wd_mult)
        self.optimizer.set_hyper_parameters(values)
        if before != (self.optimizer.lr_mult, self.optimizer.wd_mult):
            for slab in self._slabs.values():
                slab.read_multipliers()

    def progress(self) -> dict[str, Any]:
        """The counts of updates by key."""
        counts: dict[Any, int] = {}
        for slab in self._slabs.values():
            for label, count in zip(slab.segment.labels, slab.counts.tolist(), strict=False):
                counts[label.key] = max(count, counts.get(label.key, 0))
        table = self.optimizer._all_index_update_counts[0]
        before = dict(table)  # what blocks begin with that have not been updated, and are not to know of others
        table.update({key: count for key, count in counts.items() if count})
        progress: dict[str, Any] = self.optimizer.progress()
        table.clear()
        table.update(before)
        return progress

    def set_progress(self, progress: dict[str, Any]) -> None:
        """Continue from such counts."""
        self.optimizer.set_progress(progress)
        for slab in self._slabs.values():
            slab.forget_counts()


class Slab:
    """States and counts of one segment's blocks, made when a block is first updated.

    vectors: the state arrays in the order in which `create_state_multi_precision` names them, as long as the
    segment's values. counts, lr_mult, wd_mult: per block.
    """

    def __init__(self, segment: Segment, optimizer: KernelOptimizer) -> None:
        self.segment = segment
        self.optimizer = optimizer
        self.vectors: list[np.ndarray] = []
        self.counts = np.zeros(0, np.int64)
        self.lr_mult = np.zeros(0)
        self.wd_mult = np.zeros(0)
        self._prepared = np.zeros(0, bool)
        self._has_master = optimizer.uses_master_weight(segment.dtype.type)

    def dump(self) -> dict[str, Any]:
        """All that is kept, as arrays."""
        used = self.segment.starts[-1]
        return {
            "prepared": self._prepared,
            "counts": self.counts,
            "lr_mult": self.lr_mult,
            "wd_mult": self.wd_mult,
            "vectors": [vector[:used] for vector in self.vectors],
        }

    def load(self, tree: Mapping[str, Any]) -> None:
        """Continue from what `dump` gave."""
        self._prepared, self.counts = tree["prepared"], tree["counts"]
        self.lr_mult, self.wd_mult = tree["lr_mult"], tree["wd_mult"]
        self.vectors = []
        for values in tree["vectors"]:
            vector = np.zeros(self.segment.values.size, values.dtype)
            vector[: values.size] = values
            self.vectors.append(vector)

    def is_prepared(self, first: int, stop: int) -> bool:
        """Whether these blocks have states."""
        return stop <= len(self._prepared) and bool(self._prepared[first:stop].all())

    def prepare(self, first: int, stop: int) -> None:
        """See to it that these blocks have states, multipliers and counts."""
        if self.is_prepared(first, stop):
            return
        self._grow(self.segment.num_blocks)
        for block in range(first, stop):
            if not self._prepared[block]:
                self._create(block)
                self._read_hyper(block)
                self._prepared[block] = True

    def _grow(self, size: int) -> None:
        more = size - len(self._prepared)
        if more > 0:
            self._prepared = np.concatenate([self._prepared, np.zeros(more, bool)])
            self.counts = np.concatenate([self.counts, np.zeros(more, np.int64)])
            self.lr_mult = np.concatenate([self.lr_mult, np.zeros(more)])
            self.wd_mult = np.concatenate([self.wd_mult, np.zeros(more)])

    def _create(self, block: int) -> None:
        low, high = self.segment.bounds(block, block + 1)
        weight = from_backend(self.segment.values[low:high], cpu())
        arrays = flat_arrays(self.optimizer.create_state_multi_precision(self.segment.labels[block].key, weight))
        if not self.vectors:
            # untouched pages cost nothing, so the whole segment's room is asked for
            self.vectors = [self.segment.zeros(array.dtype) for array in arrays]
        for vector, array in zip(self.vectors, arrays, strict=True):
            if array.any():
                vector[low:high] = array.reshape(-1)

    def _read_hyper(self, block: int) -> None:
        key = self.segment.labels[block].key
        self.lr_mult[block], self.wd_mult[block], self.counts[block] = self.optimizer.slab_key(key)

    def forget_counts(self) -> None:
        """Take multipliers and counts from the optimizer again."""
        for block in np.flatnonzero(self._prepared).tolist():
            self._read_hyper(block)

    def read_multipliers(self) -> None:
        """Take multipliers from the optimizer again."""
        for block in np.flatnonzero(self._prepared).tolist():
            key = self.segment.labels[block].key
            self.lr_mult[block], self.wd_mult[block], _ = self.optimizer.slab_key(key)

    def alike(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """Runs of blocks with equal multipliers and counts."""
        differs = np.zeros(stop - first - 1, bool)
        for table in (self.counts, self.lr_mult, self.wd_mult):
            differs |= table[first + 1 : stop] != table[first : stop - 1]
        edges = [first, *(np.flatnonzero(differs) + first + 1).tolist(), stop]
        yield from itertools.pairwise(edges)

    def views(self, low: int, high: int) -> tuple[np.ndarray, list[np.ndarray], np.ndarray | None]:
        """Weight, states and, for a float32 copy of low-precision weights, those weights; of some elements."""
        states = [vector[low:high] for vector in self.vectors]
        if not self._has_master:
            return self.segment.values[low:high], states, None
        master = states.pop(-1 if self.optimizer.master_weight_last else 0)
        return master, states, self.segment.values[low:high]


def flat_arrays(state: Any) -> list[np.ndarray]:
    """The NumPy arrays of an optimizer state, depth first."""
    if isinstance(state, NDArray):
        return [state.data_array]
    if isinstance(state, (tuple, list)):
        return [array for part in state for array in flat_arrays(part)]
    return []
