"""Sums over workers, in the order in which they are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mxtrain.dtypes import bfloat16

#: Elements that are summed at a time, so that sums of many workers stay in the processor's cache.
CHUNK = 1 << 17

_LOW_PRECISION = (np.dtype(np.float16), np.dtype(bfloat16))


def chunks(length: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the chunks of a vector."""
    for start in range(0, length, CHUNK):
        yield start, min(start + CHUNK, length)


def sum_into(out: np.ndarray, arrays: Sequence[np.ndarray]) -> None:
    """out = arrays[0] + arrays[1] + ...: flat arrays of one dtype and length, summed in this order.

    float16 and bfloat16 are summed in float32 and rounded once.
    """
    if len(arrays) == 1:
        np.copyto(out, arrays[0])
    elif out.dtype in _LOW_PRECISION and len(arrays) > 2:
        total = arrays[0].astype(np.float32)
        for array in arrays[1:]:
            total += array
        np.copyto(out, total, casting="unsafe")
    else:
        np.add(arrays[0], arrays[1], out=out)
        for array in arrays[2:]:
            np.add(out, array, out=out)
