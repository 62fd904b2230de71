"""Kernels that work on the bits of numbers give the same bits as NumPy."""

import numpy as np
import pytest

from mxtrain.ops.kernels.precision import converted, widen
from mxtrain.ops.kernels.selection import select

EVERY_HALF = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
FINITE = EVERY_HALF[np.isfinite(EVERY_HALF)]


@pytest.mark.parametrize("halves", [EVERY_HALF, FINITE, FINITE[FINITE >= 0], FINITE[:10]])
def test_every_half_as_single(halves):
    with np.errstate(all="ignore"):
        wished = halves.astype(np.float32).view(np.int32)
        np.testing.assert_array_equal(widen(np, halves).view(np.int32), wished)
        out = np.empty(halves.shape, np.float32)
        assert converted(np, halves, np.dtype(np.float32), out) is out
        np.testing.assert_array_equal(out.view(np.int32), wished)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool"])
@pytest.mark.parametrize("size", [5, 5000])
def test_selection(dtype, size):
    random = np.random.RandomState(4)
    x, y = (random.randint(0, 256, (size, 8), np.uint8).view(np.uint8) for _ in range(2))
    if dtype == "bool":
        x, y = x > 100, y > 100
    else:
        x, y = (array.view(dtype) for array in (x, y))  # any bits, those of NaN among them
    chosen = random.rand(*x.shape) < 0.5
    wished, as_bytes = np.where(chosen, x, y), np.uint8
    np.testing.assert_array_equal(select(np, chosen, x, y).view(as_bytes), wished.view(as_bytes))
    out = x.copy()
    assert select(np, chosen, out, y, out) is out
    np.testing.assert_array_equal(out.view(as_bytes), wished.view(as_bytes))
