"""The plain convolution kernels, in both orders of their columns, against sums written out with NumPy."""

import numpy as np
import pytest

from mxtrain.ops.kernels import convolution, convolution_columns
from mxtrain.ops.kernels.convolution_columns import PositionsLast, SamplesLast
from mxtrain.ops.kernels.windows import Windows

FORMS = [  # data, filters, groups, windows
    ((9, 3, 7), 2, 1, Windows((3,), (1,), (1,), (0,))),
    ((9, 4, 8, 7), 6, 1, Windows((3, 2), (2, 1), (1, 1), (1, 1))),
    ((9, 4, 8, 7), 6, 2, Windows((3, 2), (1, 2), (2, 1), (0, 1))),
    ((10, 2, 4, 5, 4), 2, 1, Windows((2, 2, 2), (1, 2, 1), (1, 1, 1), (1, 0, 1))),
    ((8, 3, 5, 5), 2, 1, Windows((1, 1), (2, 2), (1, 1), (0, 0))),
    ((3, 5, 6, 6), 4, 1, Windows((1, 1), (1, 1), (1, 1), (0, 0))),
]


def patches(data, windows):
    """(N, C, *counts, *kernel) of data (N, C, *spatial): what each window reads."""
    padded = np.pad(data, [(0, 0), (0, 0), *((p, p) for p in windows.pad)])
    axes = tuple(range(2, data.ndim))
    view = np.lib.stride_tricks.sliding_window_view(padded, windows.extent, axis=axes)
    steps = tuple(slice(None, None, s) for s in windows.stride)
    taps = tuple(slice(None, None, d) for d in windows.dilate)
    return view[(slice(None), slice(None), *steps, *taps)]


def convolve(data, weight, windows, groups):
    per_group = [
        np.tensordot(
            patches(part, windows),
            w,
            axes=([1, *range(data.ndim, data.ndim + len(windows.kernel))], range(1, data.ndim)),
        )
        for part, w in zip(np.split(data, groups, 1), np.split(weight, groups), strict=True)
    ]
    return np.moveaxis(np.concatenate(per_group, axis=-1), -1, 1)


def derivative(function, values, direction):
    return (function(values + direction) - function(values - direction)) / 2  # exact: the function is linear


@pytest.fixture(params=[PositionsLast, SamplesLast], ids=lambda order: order.__name__)
def columns(request, monkeypatch):
    monkeypatch.setattr(convolution, "choose", lambda *arguments: request.param)
    return request.param


@pytest.mark.parametrize(("shape", "filters", "groups", "windows"), FORMS)
@pytest.mark.parametrize("block", [1, 1 << 20])
def test_forward_and_gradients(columns, monkeypatch, shape, filters, groups, windows, block):
    monkeypatch.setattr(convolution, "_BLOCK_BYTES", block)
    random = np.random.default_rng(0)
    data = random.uniform(-1, 1, shape)
    weight = random.uniform(-1, 1, (filters, shape[1] // groups, *windows.kernel))
    counts = windows.count(shape[2:])
    expected = convolve(data, weight, windows, groups)
    found = convolution.forward(np, data, weight, windows, groups, counts, np.full(expected.shape, np.nan))
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    gy = random.uniform(-1, 1, expected.shape)
    by_data = convolution.backward_data(np, gy, weight, windows, groups, counts, np.full(shape, np.nan))
    step = random.uniform(-1, 1, shape)
    change = derivative(lambda x: (convolve(x, weight, windows, groups) * gy).sum(), data, step)
    assert (by_data * step).sum() == pytest.approx(change, rel=1e-9)
    by_weight = convolution.backward_weight(np, gy, data, windows, groups, counts, np.full(weight.shape, np.nan))
    step = random.uniform(-1, 1, weight.shape)
    change = derivative(lambda w: (convolve(data, w, windows, groups) * gy).sum(), weight, step)
    assert (by_weight * step).sum() == pytest.approx(change, rel=1e-9)


def test_choice_of_order():
    windows = Windows((5, 5), (1, 1), (1, 1), (0, 0))
    assert convolution_columns.choose(windows, 64, 500, 50, (8, 8)) is SamplesLast
    assert convolution_columns.choose(windows, 64, 25, 20, (24, 24)) is PositionsLast
    assert convolution_columns.choose(windows, 4, 500, 50, (8, 8)) is PositionsLast
    assert convolution_columns.choose(windows, 64, 500, 50, (100, 100)) is PositionsLast


def test_no_samples():
    windows = Windows((2,), (1,), (1,), (0,))
    data, gy, weight = np.empty((0, 2, 4)), np.empty((0, 3, 3)), np.ones((3, 2, 2))
    assert convolution.forward(np, data, weight, windows, 1, (3,), np.empty((0, 3, 3))).shape == (0, 3, 3)
    assert not convolution.backward_weight(np, gy, data, windows, 1, (3,), np.ones((3, 2, 2))).any()
