"""Sums of arrays in the order in which they are given, so that equal inputs give equal bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mxtrain.dtypes import bfloat16

#: Elements that are summed at a time, so that sums of several arrays stay in the processor's cache.
CHUNK = 1 << 17

_LOW_PRECISION = (np.dtype(np.float16), np.dtype(bfloat16))


def chunks(length: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the chunks of a vector."""
    for start in range(0, length, CHUNK):
        yield start, min(start + CHUNK, length)


def sum_into(out: Any, arrays: Sequence[Any]) -> None:
    """out = arrays[0] + arrays[1] + ...: backend arrays of one device, dtype and shape, summed in this order.

    float16 and bfloat16 are summed in float32 and rounded once. out may be one of the arrays.
    """
    if len(arrays) <= 2 or out.size <= CHUNK or not isinstance(out, np.ndarray):
        _sum_at_once(out, arrays)
        return
    flat, parts = out.reshape(-1), [array.reshape(-1) for array in arrays]
    for start, stop in chunks(out.size):
        _sum_at_once(flat[start:stop], [part[start:stop] for part in parts])


def _sum_at_once(out: Any, arrays: Sequence[Any]) -> None:
    if len(arrays) == 1:
        out[...] = arrays[0]
    elif len(arrays) == 2:
        np.add(arrays[0], arrays[1], out=out)
    else:
        total = arrays[0].astype(np.float32) if out.dtype in _LOW_PRECISION else arrays[0].copy()
        for array in arrays[1:]:
            np.add(total, array, out=total)
        out[...] = total
