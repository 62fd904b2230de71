"""Updates where weight, gradient or states are sparse: on tables of all rows, if possible touching only some."""

from __future__ import annotations

import types
from collections.abc import Sequence
from functools import partial
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.ndarray.sparse_array import value_of
from mxtrain.ops.kernels.optimizer_updates.rows import table_of, update_all_rows, update_stored_rows
from mxtrain.ops.kernels.sparse.conversion import to_dense
from mxtrain.ops.kernels.sparse.writing import overwrite
from mxtrain.ops.sparse.containers import Csr, RowSparse


def is_sparse(*arrays: NDArray) -> bool:
    """Whether some array is not dense."""
    return any(array.stype != "default" for array in arrays)


def update_sparse(
    optimizer: Any, weight: NDArray, grad: NDArray, state: Any, low: NDArray | None, hyper: dict[str, Any]
) -> None:
    """One update of a KernelOptimizer, on the device of the weight; hyper: what its `step` is told beside the arrays.

    low: receives the new weight in its own dtype. What is csr is updated as a dense copy.
    """
    xp = weight.context.xp
    values = [value_of(array) for array in (weight, *_listed(state), *([] if low is None else [low]))]
    tables = [to_dense(xp, value) if isinstance(value, Csr) else table_of(xp, value) for value in values]
    _update_tables(optimizer, weight, value_of(grad), list(tables), low, hyper)
    for value, table in zip(values, tables, strict=True):
        if isinstance(value, Csr):
            overwrite(xp, value, table)


def _update_tables(
    optimizer: Any, weight: NDArray, gradient: Any, tables: list[Any], low: NDArray | None, hyper: dict[str, Any]
) -> None:
    """An update of arrays with all rows: the weight, its states, and the low-precision weight where there is one."""
    xp = weight.context.xp
    low_table = tables.pop() if low is not None else None
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
