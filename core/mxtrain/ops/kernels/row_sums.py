"""Adding up rows that share an index: the gradient of a look-up."""

from __future__ import annotations

import types
from typing import Any

import numpy as np


def add_rows(xp: types.ModuleType, indices: Any, rows: Any, out: Any) -> Any:
    """Write into row r of `out` (n, d) the sum of those `rows` (m, d) whose index is r; returns `out`.

    indices: (m,), integers from 0 to n - 1.
    """
    out[...] = 0
    if indices.size == 0:
        return out
    if xp is not np:
        xp.add.at(out, indices, rows)
        return out
    order = np.argsort(indices, kind="stable")
    ordered = indices[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    out[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return out
