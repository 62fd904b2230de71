"""Choosing between two arrays, element by element."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

# from this size on, combining bits outweighs the calls it takes
_MIN_COMBINED = 4096
_INTEGERS = {size: np.dtype(f"i{size}") for size in (1, 2, 4, 8)}


def select(xp: types.ModuleType, chosen: Any, x: Any, y: Any, out: Any = None) -> Any:
    """x where chosen, else y. chosen: bool. All of one shape; x and y of one dtype. Writes to `out` if given."""
    if xp is np and x.size >= _MIN_COMBINED and x.dtype.itemsize in _INTEGERS:
        return _select_bits(chosen, x, y, np.empty_like(x) if out is None else out)
    result = xp.where(chosen, x, y)
    if out is None:
        return result
    out[...] = result
    return out


def _select_bits(chosen: np.ndarray, x: np.ndarray, y: np.ndarray, out: np.ndarray) -> np.ndarray:
    """By bits, as a processor mispredicts the branch on every other random condition: y ^ ((x ^ y) & mask)."""
    kind = _INTEGERS[x.dtype.itemsize]
    mask = np.negative(chosen.view(np.int8), dtype=kind)  # all bits where chosen, else none
    other = y.view(kind)
    np.bitwise_and(mask, x.view(kind) ^ other, out=mask)
    np.bitwise_xor(mask, other, out=out.view(kind))
    return out
