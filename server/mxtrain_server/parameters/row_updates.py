"""An element-wise optimizer on single rows of a slab."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mxtrain.ops.kernels.optimizer_updates.rows import update_all_rows, update_stored_rows
from mxtrain.ops.sparse.containers import RowSparse


@dataclass
class StoredAs:
    """A weight as far as an optimizer asks about it before it chooses an update: its storage."""

    stype: str


def update_rows(
    optimizer: Any,
    gradient: RowSparse,
    arrays: tuple[np.ndarray, list[np.ndarray], np.ndarray | None],
    hyper: dict[str, Any],
    sparse: bool,
    make_room: Callable[[np.ndarray | None], None],
) -> bool:
    """One update of a table; True: only the rows of the gradient have changed.

    arrays: the table's weight, states and, for a float32 copy of low-precision weights, those weights; all flat.
    hyper: lr, wd and t. sparse: the weight was initialized as row_sparse. make_room: called with the rows that will be
    written, None for all.
    """
    weight, *states = (array.reshape(gradient.shape) for array in (arrays[0], *arrays[1]))
    low = None if arrays[2] is None else arrays[2].reshape(gradient.shape)
    stored = StoredAs("row_sparse" if sparse else "default")
    is_lazy = bool(optimizer.updates_stored_rows(stored, wd=hyper["wd"], is_master=low is not None))
    make_room(gradient.indices if is_lazy else None)
    update = update_stored_rows if is_lazy else update_all_rows
    update(np, partial(_step, optimizer, hyper), weight, gradient, states, low)
    return is_lazy


def _step(optimizer: Any, hyper: dict[str, Any], weight: Any, grad: Any, states: Sequence[Any]) -> None:
    optimizer.step(np, weight, grad, states, **hyper)
