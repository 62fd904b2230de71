"""Hyper-parameters that change in mid-training: which of them each round of each block is carried out with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain_server.parameters.intervals import equal_runs
from mxtrain_server.parameters.segment import Segment
from mxtrain_server.parameters.updates import Updates


class OptimizerChanges:
    """A change holds for the rounds of a block that worker 0 had not pushed when it came.

    So it depends on the order of that worker's messages alone, and not on how far the others are.
    """

    def __init__(self) -> None:
        self._versions: list[dict[str, Any]] = []
        self._after: list[dict[int, np.ndarray]] = []
        self._current: int | None = None

    def add(self, rank: int, values: dict[str, Any], segments: Sequence[Segment], updates: Updates) -> None:
        """A worker brings other values. Raises MXNetError for such that the optimizer cannot have."""
        before = updates.hyper_parameters()
        updates.set_hyper_parameters(values)
        if not self._versions:
            self._versions = [before]
        self._versions.append(values)
        # a worker that was passed over may be behind what has been summed
        self._after.append({s.number: np.maximum(s.reached_by(rank), s.taken) for s in segments})
        self._current = len(self._versions) - 1
        self._forget_past(segments)

    def _forget_past(self, segments: Sequence[Segment]) -> None:
        """Drop what no round can need any more."""
        while len(self._after) > 1 and all(_is_past(self._after[0], segment) for segment in segments):
            del self._after[0], self._versions[0]
            self._current = None

    def runs(self, segment: Segment, first: int, stop: int, number: int, updates: Updates) -> Iterator[tuple[int, int]]:
        """Cut blocks that go to round `number` where hyper-parameters differ; for each run those are set."""
        if not self._after:
            yield first, stop
            return
        version = np.zeros(stop - first, np.int64)
        for after in self._after:
            version += _rounds(after, segment, first, stop) < number
        for start, end in equal_runs(version, first):
            self._use(int(version[start - first]), updates)
            yield start, end

    def _use(self, version: int, updates: Updates) -> None:
        if self._current != version:
            updates.set_hyper_parameters(self._versions[version])
            self._current = version

    def dump(self) -> list[Any]:
        """All of it, as plain values and arrays."""
        return [self._versions, [sorted(after.items()) for after in self._after]]

    def load(self, tree: Sequence[Any]) -> None:
        """Continue from what `dump` gave."""
        versions, after = tree
        self._versions = [dict(values) for values in versions]
        self._after = [dict(pairs) for pairs in after]
        self._current = None


def _rounds(after: Mapping[int, np.ndarray], segment: Segment, first: int, stop: int) -> np.ndarray:
    """The last round of each block with the hyper-parameters before; blocks that came later have none."""
    known = after.get(segment.number, np.zeros(0, np.int64))[first:stop]
    return np.concatenate([known, np.zeros(stop - first - known.size, np.int64)])


def _is_past(after: Mapping[int, np.ndarray], segment: Segment) -> bool:
    return bool((segment.taken >= _rounds(after, segment, 0, segment.num_blocks)).all())
