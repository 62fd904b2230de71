"""Updates by gradients of which only some rows are stored, in pieces that stay in the processor's cache."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mxtrain.device.scratch import scratch
from mxtrain.ops.kernels.optimizer_updates.blocks import BLOCK
from mxtrain.ops.sparse.containers import RowSparse

#: step(weight, grad, states): one update in place, on arrays that have some number of rows in common.
Step = Callable[[Any, Any, Sequence[Any]], None]


def update_stored_rows(
    xp: types.ModuleType, step: Step, weight: Any, grad: RowSparse, states: Sequence[Any], low_precision: Any = None
) -> None:
    """A lazy update: rows of weight and states that the gradient does not store stay as they are.

    weight: (N, ...), and each of states: arrays of N rows. low_precision: receives the new weight in its own dtype.
    Source: lazy_update of the update operators of MXNet 1.9.1.
    """
    if len(grad.indices) == len(weight):
        _update_whole(step, weight, grad.values, states, low_precision)
        return
    tables = (weight, *states)
    for start, stop in _pieces(xp, len(grad.indices), weight):
        rows = grad.indices[start:stop]
        parts = [_take(xp, f"row update {i}", table, rows) for i, table in enumerate(tables)]
        step(parts[0], grad.values[start:stop], parts[1:])
        for table, part in zip(tables, parts, strict=True):
            table[rows] = part
        if low_precision is not None:
            low_precision[rows] = parts[0]


def update_all_rows(
    xp: types.ModuleType, step: Step, weight: Any, grad: RowSparse, states: Sequence[Any], low_precision: Any = None
) -> None:
    """The update that the same gradient makes when it is dense; arguments as in `update_stored_rows`.

    The step must treat every value alike, since it is applied piece by piece.
    """
    if len(grad.indices) == len(weight):
        _update_whole(step, weight, grad.values, states, low_precision)
        return
    for start, stop in _pieces(xp, len(weight), weight):
        dense = scratch(xp, "row update gradient", (stop - start, *weight.shape[1:]), grad.dtype)
        dense[...] = 0
        first, last = (int(position) for position in xp.searchsorted(grad.indices, xp.asarray([start, stop])))
        dense[grad.indices[first:last] - start] = grad.values[first:last]
        step(weight[start:stop], dense, [state[start:stop] for state in states])
    if low_precision is not None:
        low_precision[...] = weight


def _update_whole(step: Step, weight: Any, grad: Any, states: Sequence[Any], low_precision: Any) -> None:
    step(weight, grad, states)
    if low_precision is not None:
        low_precision[...] = weight


def _pieces(xp: types.ModuleType, num_rows: int, table: Any) -> Iterator[tuple[int, int]]:
    """(start, stop) of pieces of about BLOCK values; all at once on a GPU, where calls cost more than memory."""
    size = max(num_rows, 1) if xp is not np else max(BLOCK // max(table[:1].size, 1), 1)
    for start in range(0, num_rows, size):
        yield start, min(start + size, num_rows)


def _take(xp: types.ModuleType, name: str, table: Any, rows: Any) -> Any:
    """A copy of some rows, in memory that the next piece reuses."""
    if xp is not np:
        return xp.take(table, rows, axis=0)
    out = scratch(xp, name, (len(rows), *table.shape[1:]), table.dtype)
    return np.take(table, rows, axis=0, out=out, mode="clip")  # the mode "raise" would copy once more


def table_of(xp: types.ModuleType, value: Any) -> Any:
    """The backend array with all rows of a dense array or a row_sparse container, to be updated in place.

    A container that lacks rows stores them from now on. Raises nothing: the rows it lacks are zeros.
    """
    if not isinstance(value, RowSparse):
        return value
    if len(value.indices) != value.shape[0]:
        table = xp.zeros(value.shape, value.dtype)
        table[value.indices] = value.values
        value.take(RowSparse(table, xp.arange(value.shape[0], dtype=np.int64), value.shape))
    return value.values
