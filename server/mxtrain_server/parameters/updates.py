"""How summed pushes change values: replaced by the sum, or changed by an optimizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.ops.sparse.containers import RowSparse
from mxtrain_kvstore.sums import sum_into
from mxtrain_server.parameters.errors import RequestError
from mxtrain_server.parameters.segment import Segment


class Updates(ABC):
    """What a store does with the pushes of a round."""

    @abstractmethod
    def apply(
        self, segment: Segment, first: int, stop: int, arrays: Sequence[np.ndarray], source: int
    ) -> list[tuple[int, int]]:
        """Take one round's values of blocks `first` to `stop`: flat arrays of the segment's dtype, summed in order.

        source: the rank that pushed, where rounds are not shared; else -1. Returns the runs of blocks (first, stop)
        whose values are now those of the round; with some optimizers only the last block of a key completes it.
        """

    @abstractmethod
    def apply_rows(
        self, segment: Segment, first: int, stop: int, gradient: RowSparse, source: int, sparse: bool
    ) -> bool:
        """Take one round's values of a key, blocks `first` to `stop`, of which only rows were pushed.

        gradient: their sum, of shape (rows, elements of a row). sparse: the key was initialized as row_sparse. True:
        all other rows are as they were.
        """

    def state(self, segment: Segment, head: int, part: int) -> np.ndarray | None:
        """State array number `part`, flat, of the key whose first block is `head`; None where there is none yet."""
        return None

    def make_state(self, segment: Segment, head: int, part: int) -> np.ndarray:
        """As `state`, but made where there is none. Raises RequestError where the optimizer has no such state."""
        raise RequestError("This store has no optimizer, so it has no optimizer states. Call set_optimizer first.")

    def description(self) -> dict[str, Any] | None:
        """The optimizer as `Optimizer.to_config` describes it, counts included; None where there is none."""
        return None

    def dump(self) -> dict[str, Any]:
        """Everything else that the next update depends on, as plain values and arrays."""
        return {}

    def load(self, tree: Mapping[str, Any], segments: Mapping[int, Segment]) -> None:  # noqa: B027  nothing to load
        """Continue from what `dump` gave. segments: those of the store, by number."""

    def hyper_parameters(self) -> dict[str, Any]:
        """What the optimizer is told, as `Optimizer.hyper_parameters` gives it. Raises RequestError without one."""
        raise RequestError("This store has no optimizer, so it has no hyper-parameters. Call set_optimizer first.")

    def set_hyper_parameters(self, values: dict[str, Any]) -> None:
        """Go on with others. Raises MXNetError for such that the optimizer cannot have."""
        raise RequestError("This store has no optimizer, so it has no hyper-parameters. Call set_optimizer first.")

    def progress(self) -> dict[str, Any]:
        """The optimizer's counts of updates, as plain values."""
        return {}

    def set_progress(self, progress: dict[str, Any]) -> None:
        """Continue from such counts. Raises RequestError where there is no optimizer."""
        raise RequestError("This store has no optimizer, so it has no counts. Call set_optimizer first.")


class Replace(Updates):
    """Without an optimizer the sum takes the place of the value, as in MXNet 1.9.1's dist_sync."""

    def apply(
        self, segment: Segment, first: int, stop: int, arrays: Sequence[np.ndarray], source: int
    ) -> list[tuple[int, int]]:
        """The values become the sum."""
        low, high = segment.bounds(first, stop)
        segment.make_room(first, stop)
        sum_into(segment.values[low:high], arrays)
        return [(first, stop)]

    def apply_rows(
        self, segment: Segment, first: int, stop: int, gradient: RowSparse, source: int, sparse: bool
    ) -> bool:
        """The values become the sum, in which the other rows are zeros."""
        low, high = segment.bounds(first, stop)
        segment.make_room(first, stop)
        values = segment.values[low:high]
        values[:] = 0
        values.reshape(gradient.shape)[gradient.indices] = gradient.values
        return False


class NoOptimizer(Updates):
    """Before the optimizer of a store whose workers do not see every sum: there is nothing that a push could mean."""

    def apply(
        self, segment: Segment, first: int, stop: int, arrays: Sequence[np.ndarray], source: int
    ) -> list[tuple[int, int]]:
        """Refuse the push, as MXNet 1.9.1 does."""
        raise nothing_to_apply()

    def apply_rows(
        self, segment: Segment, first: int, stop: int, gradient: RowSparse, source: int, sparse: bool
    ) -> bool:
        """Refuse the push."""
        raise nothing_to_apply()


def nothing_to_apply() -> RequestError:
    """What a worker hears that pushes before there is an optimizer."""
    return RequestError(
        "dist_async, and dist_sync with backup workers, apply pushes by an optimizer on the servers: call "
        "set_optimizer before the first push."
    )
