"""Any optimizer, one parameter at a time: for those that look at a parameter as a whole, and for users' own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mxtrain.context import cpu
from mxtrain.ndarray import NDArray, from_backend
from mxtrain.ndarray.sparse_array import wrap_value
from mxtrain.ops.sparse.containers import RowSparse
from mxtrain.optimizer import get_updater
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer
from mxtrain_kvstore.sums import sum_into
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.random_draws import drawing
from mxtrain_server.parameters.segment import Segment
from mxtrain_server.parameters.slab_updates import flat_arrays
from mxtrain_server.parameters.updates import Updates


@dataclass
class Gathering:
    """The gradient of one key while its blocks come in; left: blocks that have not come."""

    gradient: np.ndarray
    left: int


class KeyUpdates(Updates):
    """An optimizer applied to each key by itself, once all its blocks on this server have come.

    Of an array that is cut over several servers each server updates its own part, as in MXNet 1.9.1. seed, shard: with
    them, the key and the number of its update the optimizer's random numbers begin, if it draws any.
    """

    def __init__(self, optimizer: Any, seed: int = 0, shard: int = 0) -> None:
        self.updater = get_updater(optimizer)
        self._seed, self._shard = seed, shard
        self._draws = not isinstance(optimizer, KernelOptimizer)
        self._gathering: dict[tuple[int, int, int], Gathering] = {}

    def apply(
        self, segment: Segment, first: int, stop: int, arrays: Sequence[np.ndarray], source: int
    ) -> list[tuple[int, int]]:
        """Sum, and update the keys of which all blocks are there."""
        complete = []
        origin = segment.starts[first]
        while first < stop:
            head, end = segment.key_blocks(first)
            low, high = segment.bounds(first, min(end, stop))
            parts = [array[low - origin : high - origin] for array in arrays]
            gradient = self._gather(segment, (head, end), (first, min(end, stop)), parts, source)
            if gradient is not None:
                whole = from_backend(gradient.reshape(segment.shapes[head]), cpu())
                self._update(segment, head, end, whole)
                complete.append((head, end))
            first = min(end, stop)
        return complete

    def apply_rows(
        self, segment: Segment, first: int, stop: int, gradient: RowSparse, source: int, sparse: bool
    ) -> bool:
        """Update the key by a row_sparse gradient; what the optimizer does with that is its own affair."""
        shape = segment.shapes[first]
        values = gradient.values.reshape(len(gradient.indices), *shape[1:])
        self._update(segment, first, stop, wrap_value(RowSparse(values, gradient.indices, shape), cpu()))
        return False

    def _gather(
        self, segment: Segment, key: tuple[int, int], run: tuple[int, int], parts: list[np.ndarray], source: int
    ) -> np.ndarray | None:
        """Add a run of blocks to the gradient of the key that they belong to; the gradient, when it is complete."""
        low, high = segment.bounds(*key)
        place = (segment.number, key[0], source)
        if place not in self._gathering:
            self._gathering[place] = Gathering(np.empty(high - low, segment.dtype), key[1] - key[0])
        gathering = self._gathering[place]
        start, end = segment.bounds(*run)
        sum_into(gathering.gradient[start - low : end - low], parts)
        gathering.left -= run[1] - run[0]
        if gathering.left:
            return None
        return self._gathering.pop(place).gradient

    def _update(self, segment: Segment, head: int, end: int, gradient: NDArray) -> None:
        low, high = segment.bounds(head, end)
        segment.make_room(head, end)
        weight = from_backend(segment.values[low:high].reshape(segment.shapes[head]), cpu())
        key = segment.labels[head].key
        if not self._draws:
            self.updater(key, gradient, weight)
            return
        count = self.updater.optimizer._all_index_update_counts[0].get(key, 0)
        with drawing(self._seed, self._shard, key, count):
            self.updater(key, gradient, weight)

    def state(self, segment: Segment, head: int, part: int) -> np.ndarray | None:
        """A view of a state array of one key; None before its first update."""
        arrays = flat_arrays(self.updater.states.get(segment.labels[head].key))
        return arrays[part].reshape(-1) if part < len(arrays) else None

    def make_state(self, segment: Segment, head: int, part: int) -> np.ndarray:
        """A view of a state array of one key."""
        key = segment.labels[head].key
        if key not in self.updater.states:
            low, high = segment.bounds(*segment.key_blocks(head))
            weight = from_backend(segment.values[low:high].reshape(segment.shapes[head]), cpu())
            self.updater.states[key] = self.updater.optimizer.create_state_multi_precision(key, weight)
            self.updater.states_synced[key] = True
        array = self.state(segment, head, part)
        if array is None:
            name = type(self.updater.optimizer).__name__
            raise RequestError(f"Key {key!r}: the optimizer {name} has no state number {part}.")
        return array

    def description(self) -> dict[str, Any] | None:
        """The optimizer, with its counts."""
        return {**self.updater.optimizer.to_config(), "seed": self._seed}

    def dump(self) -> dict[str, Any]:
        """The states of all keys, and gradients that are not complete."""
        gathering = [[list(place), found.gradient, found.left] for place, found in self._gathering.items()]
        return {"states": self.updater.get_states(), "gathering": gathering}

    def load(self, tree: Mapping[str, Any], segments: Mapping[int, Segment]) -> None:
        """Continue from what `dump` gave."""
        self.updater.set_states(tree["states"])
        self._gathering = {tuple(place): Gathering(gradient, left) for place, gradient, left in tree["gathering"]}

    def hyper_parameters(self) -> dict[str, Any]:
        """What the optimizer is told."""
        values: dict[str, Any] = self.updater.optimizer.hyper_parameters()
        return values

    def set_hyper_parameters(self, values: dict[str, Any]) -> None:
        """Go on with others."""
        self.updater.optimizer.set_hyper_parameters(values)

    def progress(self) -> dict[str, Any]:
        """The counts of updates by key."""
        progress: dict[str, Any] = self.updater.optimizer.progress()
        return progress

    def set_progress(self, progress: dict[str, Any]) -> None:
        """Continue from such counts."""
        self.updater.optimizer.set_progress(progress)
