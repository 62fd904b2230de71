"""Updates where weight, gradient or states are sparse: on tables of all rows, if possible touching only some."""

from __future__ import annotations

import types
from collections.abc import Sequence
from functools import partial
from typing import Any

from mxtrain.base import ArgumentTypeError
from mxtrain.ndarray import NDArray
from mxtrain.ndarray.sparse_array import value_of
from mxtrain.ops.kernels.optimizer_updates.rows import table_of, update_all_rows, update_stored_rows
from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.sparse.containers import CSR, RowSparse


def is_sparse(*arrays: NDArray) -> bool:
    """Whether some array is not dense."""
    return any(array.stype != "default" for array in arrays)


def update_sparse(
    optimizer: Any, weight: NDArray, grad: NDArray, state: Any, low: NDArray | None, hyper: dict[str, Any]
) -> None:
    """One update of a KernelOptimizer, on the device of the weight; hyper: what its `step` is told beside the arrays.

    low: receives the new weight in its own dtype. Raises ArgumentTypeError for a weight in csr.
    """
    arrays = [weight, *_listed(state), *([] if low is None else [low])]
    if any(array.stype == CSR for array in arrays):
        raise ArgumentTypeError("Expected: a dense or row_sparse weight. Received: a csr one.")
    xp = weight.context.xp
    tables = [table_of(xp, value_of(array)) for array in arrays]
    low_table = tables.pop() if low is not None else None
    gradient = value_of(grad)
    is_row_sparse = isinstance(gradient, RowSparse)
    if is_row_sparse and optimizer.updates_stored_rows(weight, wd=hyper["wd"], is_master=low is not None):
        update = update_stored_rows
    elif is_row_sparse and optimizer.elementwise:
        update = update_all_rows
    else:
        dense = to_dense(xp, gradient)
        optimizer.step(xp, tables[0], dense, tables[1:], low_precision=low_table, **hyper)
        return
    update(xp, partial(_step, optimizer, xp, hyper), tables[0], gradient, tables[1:], low_table)


def _step(
    optimizer: Any, xp: types.ModuleType, hyper: dict[str, Any], weight: Any, grad: Any, states: Sequence[Any]
) -> None:
    optimizer.step(xp, weight, grad, states, **hyper)


def _listed(state: Any) -> list[NDArray]:
    """The arrays of a state (None, an NDArray, or a tuple of both), in order."""
    if state is None:
        return []
    return [state] if isinstance(state, NDArray) else [part for part in state if part is not None]
