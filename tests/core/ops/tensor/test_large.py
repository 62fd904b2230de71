"""Paths that only large arrays take: transposition by blocks, selection without sorting, one-pass clipping."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.ops.kernels.scatter import add_at
from mxtrain.ops.kernels.transposition import transposed
from mxtrain.ops.tensor.ordering import MIN_SELECTION


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((300, 301), (1, 0)),
        ((3, 130, 513), (0, 2, 1)),
        ((2, 64, 40, 50), (0, 2, 3, 1)),
        ((2, 40, 50, 64), (0, 3, 1, 2)),
        ((40, 50, 3, 64), (2, 3, 0, 1)),
        ((5, 6, 7, 512), (3, 1, 0, 2)),
        ((1, 65536), (1, 0)),
        ((256, 256, 1, 2), (1, 0, 2, 3)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_transposition(shape, axes, dtype):
    data = np.random.default_rng(1).integers(0, 250, shape).astype(dtype)
    result = transposed(np, data, axes)
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, data.transpose(axes))
    out = np.zeros_like(result)
    assert transposed(np, data, axes, out) is out
    np.testing.assert_array_equal(out, result)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("is_ascend", [True, False])
def test_topk_selects_what_sorting_gives(dtype, axis, is_ascend):
    # few distinct values, so that many elements are equal to the last one chosen
    data = mx.nd.array(np.random.default_rng(2).integers(0, 9, (MIN_SELECTION + 5, MIN_SELECTION + 9)), dtype=dtype)
    options = {"axis": axis, "is_ascend": is_ascend, "dtype": "int32"}
    order = mx.nd.argsort(data, **options).asnumpy()
    expected = order[:7] if axis == 0 else order[:, :7]
    np.testing.assert_array_equal(mx.nd.topk(data, k=7, **options).asnumpy(), expected)


def test_topk_with_nan():
    data = np.random.default_rng(2).uniform(size=(3, MIN_SELECTION)).astype(np.float32)
    data[1, 5] = np.nan
    found = mx.nd.topk(mx.nd.array(data), k=2).asnumpy()
    np.testing.assert_array_equal(found[[0, 2]], np.argsort(-data[[0, 2]], axis=1)[:, :2])


def test_clip_keeps_nan():
    data = np.random.default_rng(2).uniform(-1, 1, 20_000).astype(np.float32)
    data[7] = np.nan
    np.testing.assert_array_equal(mx.nd.clip(mx.nd.array(data), -0.5, 0.5).asnumpy(), np.clip(data, -0.5, 0.5))


@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 2, 3)])
def test_values_added_into_one_place(shape):
    rng = np.random.default_rng(3)
    positions = rng.integers(0, 7, 50)
    values = rng.uniform(size=(50, *shape[1:]))
    target, expected = np.ones(shape), np.ones(shape)
    np.add.at(expected, positions, values)
    add_at(np, target, positions, values)
    np.testing.assert_allclose(target, expected, rtol=1e-12)
    add_at(np, target, positions[:0], values[:0])
    add_at(np, target, np.array([2, 0]), values[:2])
    np.add.at(expected, [2, 0], values[:2])
    np.testing.assert_allclose(target, expected, rtol=1e-12)
