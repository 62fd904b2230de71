"""The plain pooling kernels give the same by blocks of planes as all at once."""

import numpy as np
import pytest

from mxtrain.ops.kernels import pooling
from mxtrain.ops.kernels.windows import Windows

WINDOWS = [
    Windows((2, 2), (2, 2), (1, 1), (0, 0)),
    Windows((3, 3), (2, 2), (1, 1), (1, 1)),
    Windows((1, 2), (2, 3), (1, 1), (0, 0)),
]


def results(windows):
    random = np.random.default_rng(0)
    data = random.integers(0, 3, (3, 5, 7, 8)).astype(np.float32)  # with ties
    shape = (3, 5, *windows.count((7, 8)))
    gy = random.uniform(-1, 1, shape).astype(np.float32)
    y = pooling.max_forward(np, data, windows, np.full(shape, np.nan, np.float32))
    by_max = pooling.max_backward(np, gy, data, y, windows, np.full(data.shape, np.nan, np.float32))
    sums = pooling.sum_forward(np, data, windows, np.full(shape, np.nan, np.float32))
    by_sum = pooling.sum_backward(np, gy, windows, np.full(data.shape, np.nan, np.float32))
    return y, by_max, sums, by_sum


@pytest.mark.parametrize("windows", WINDOWS)
def test_blocks(windows, monkeypatch):
    whole = results(windows)
    monkeypatch.setattr(pooling, "_BLOCK_BYTES", 2 * 7 * 8 * 4)
    for expected, found in zip(whole, results(windows), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert not np.isnan(found).any()


def test_each_window_gives_its_gradient_once():
    windows = Windows((3, 3), (2, 2), (1, 1), (1, 1))
    data, gy = np.zeros((1, 1, 5, 5)), np.ones((1, 1, 3, 3))
    y = pooling.max_forward(np, data, windows, np.empty((1, 1, 3, 3)))
    grad = pooling.max_backward(np, gy, data, y, windows, np.empty((1, 1, 5, 5)))
    assert grad.sum() == 9
    assert grad[0, 0].tolist() == [[1, 1, 0, 1, 0], [1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 0, 1, 0], [0, 0, 0, 0, 0]]
