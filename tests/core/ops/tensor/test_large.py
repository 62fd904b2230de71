"""Paths that only large arrays take: blocks on several threads, selection without sorting, one-pass clipping."""

import itertools

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.device import threads
from mxtrain.ops.kernels.scatter import add_at
from mxtrain.ops.kernels.transposition import transposed


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
    data = mx.nd.array(np.random.default_rng(2).integers(0, 9, (261, 265)), dtype=dtype)
    options = {"axis": axis, "is_ascend": is_ascend, "dtype": "int32"}
    order = mx.nd.argsort(data, **options).asnumpy()
    expected = order[:7] if axis == 0 else order[:, :7]
    np.testing.assert_array_equal(mx.nd.topk(data, k=7, **options).asnumpy(), expected)


def test_topk_with_nan():
    data = np.random.default_rng(2).uniform(size=(3, 256)).astype(np.float32)
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


def with_threads(number, compute):
    previous = threads.set_num_threads(number)
    try:
        return compute().asnumpy()
    finally:
        threads.set_num_threads(previous)


LARGE = np.random.default_rng(4).uniform(-1, 1, (3, 700, 701)).astype(np.float32)


@pytest.mark.parametrize("axis", [None, 0, 1, 2, (0, 1), (1, 2), (0, 2)])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "norm", "prod"])
def test_reductions(name, axis):
    if name == "norm" and axis is not None and np.ndim(axis) == 0:
        axis = (axis,)
    x = mx.nd.array(LARGE) if name != "prod" else mx.nd.array(1 + LARGE / 1e4)
    options = {} if axis is None else {"axis": axis}
    found = [with_threads(number, lambda: getattr(mx.nd, name)(x, **options)) for number in (1, 2, 3)]
    compute = (lambda a, axis: np.sqrt(np.sum(a * a, axis=axis))) if name == "norm" else getattr(np, name)
    wished = compute(x.asnumpy().astype(np.float64), axis=axis)
    np.testing.assert_allclose(
        found[0], np.reshape(wished, found[0].shape), rtol=2e-3 if name == "prod" else 2e-5, atol=2e-4
    )
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_where_the_extremum_is(name, axis):
    data = (LARGE * 20).round()
    data[1, 5, 9] = np.nan
    found = with_threads(3, lambda: getattr(mx.nd, name)(mx.nd.array(data), axis=axis))
    np.testing.assert_array_equal(found, getattr(np, name)(data, axis=axis))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_and_its_gradient(name, axis):
    x, weight = mx.nd.array(LARGE * 30), mx.nd.array(LARGE[::-1])

    def both():
        x.attach_grad()
        with mx.autograd.record():
            y = getattr(mx.nd, name)(x, axis=axis)
        y.backward(weight)
        return mx.nd.stack(y, x.grad)

    found = [with_threads(number, both) for number in (1, 3)]
    np.testing.assert_array_equal(found[0], found[1])
    wide = x.asnumpy().astype(np.float64)
    logarithm = wide - wide.max(axis=axis, keepdims=True)
    logarithm -= np.log(np.exp(logarithm).sum(axis=axis, keepdims=True))
    y, gy = np.exp(logarithm), weight.asnumpy()
    if name == "softmax":
        wished, gradient = y, y * (gy - (gy * y).sum(axis=axis, keepdims=True))
    else:
        wished, gradient = logarithm, gy - y * gy.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(found[0][0], wished, rtol=2e-5, atol=1e-5)
    np.testing.assert_allclose(found[0][1], gradient, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("shape", [(600, 601), (3, 300, 401), (2, 64, 50, 60), (1, 300_000), (300_000, 1)])
def test_every_permutation_keeps_every_bit(shape):
    bits = np.random.default_rng(7).integers(0, 1 << 32, shape, np.uint32)  # signalling NaN and tiny numbers among them
    data = mx.nd.array(bits.view(np.float32), dtype="float32")
    for axes in itertools.permutations(range(len(shape))):
        found = mx.nd.transpose(data, axes=axes).asnumpy()
        np.testing.assert_array_equal(found.view(np.uint32), bits.transpose(axes))


def test_norms_of_nothing():
    empty = mx.nd.array(np.zeros((3, 0), np.float32))
    assert mx.nd.norm(empty, axis=1).asnumpy().tolist() == [0, 0, 0]
    assert mx.nd.norm(empty).asnumpy().tolist() == [0]


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_nothing(name):
    assert getattr(mx.nd, name)(mx.nd.array(np.zeros((3, 0), np.float32))).shape == (3, 0)
    assert getattr(mx.nd, name)(mx.nd.array(np.zeros((0, 3), np.float32))).shape == (0, 3)
