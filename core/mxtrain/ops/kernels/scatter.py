"""Adding many slices of an array into places of another, some of them into the same place."""

from typing import Any

import numpy as np


def add_at(xp: Any, target: Any, positions: Any, values: Any) -> None:
    """target[positions[i]] += values[i] for every i, in the order of i; target and values may be strided.

    target: (N, ...). positions: (M,) integers in [0, N). values: (M, ...), dtype of target.
    """
    if xp is not np or values.ndim == 1:
        xp.add.at(target, positions, values)
        return
    if positions.size == 0:
        return
    # slices that go to one place side by side: one vectorised sum each, in their order
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    if len(starts) == len(ordered):
        target[ordered] += values[order]
    else:
        target[ordered[starts]] += np.add.reduceat(values[order], starts, axis=0)
