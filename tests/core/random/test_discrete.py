"""Draws from probabilities, and random order."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


@pytest.fixture(autouse=True)
def seeded():
    mx.random.seed(11)


def test_frequencies():
    probabilities = np.array([[0.1, 0.2, 0.0, 0.7], [0.25, 0.25, 0.5, 0.0]], np.float32)
    drawn = nd.random.multinomial(nd.array(probabilities), shape=50_000)
    assert drawn.dtype == np.int32
    for row, expected in zip(drawn.asnumpy(), probabilities, strict=True):
        np.testing.assert_allclose(np.bincount(row, minlength=4) / 50_000, expected, atol=0.01)


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        ((3,), {}, (1,)),
        ((3,), {"shape": 4}, (4,)),
        ((3,), {"shape": (2, 4)}, (2, 4)),
        ((2, 3), {}, (2,)),
        ((2, 3), {"shape": 4}, (2, 4)),
        ((2, 5, 3), {"shape": (4, 1)}, (2, 5, 4, 1)),
    ],
)
def test_shapes(shape, options, expected):
    assert nd.random.multinomial(nd.ones(shape) / 3, **options).shape == expected


def test_weights_need_not_sum_to_one():
    assert (nd.random.multinomial(nd.array([0.0, 5.0]), shape=100).asnumpy() == 1).all()


def test_dtype():
    assert nd.random.multinomial(nd.array([0, 1]), dtype="float32").dtype == np.float32


def test_log_probability_and_its_gradient():
    p = nd.array([[0.2, 0.8], [0.5, 0.5]])
    p.attach_grad()
    with mx.autograd.record():
        index, log_probability = nd.random.multinomial(p, shape=3, get_prob=True)
        total = (log_probability * nd.array([[1, 2, 3]])).sum()
    total.backward()
    expected, gradient = np.zeros((2, 3)), np.zeros((2, 2))
    for row in range(2):
        for column in range(3):
            drawn = p.asnumpy()[row, index.asnumpy()[row, column]]
            expected[row, column] = np.log(drawn)
            gradient[row, index.asnumpy()[row, column]] += (column + 1) / drawn
    np.testing.assert_allclose(log_probability.asnumpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(p.grad.asnumpy(), gradient, rtol=1e-5)


def test_shuffle_permutes_rows():
    data = nd.arange(20).reshape((10, 2))
    shuffled = nd.random.shuffle(data)
    assert shuffled.shape == (10, 2)
    rows = shuffled.asnumpy()
    np.testing.assert_array_equal(rows[np.argsort(rows[:, 0])], data.asnumpy())
    assert (rows != data.asnumpy()).any()


def test_every_order_comes_up():
    orders = {tuple(nd.random.shuffle(nd.arange(3)).asnumpy()) for _ in range(200)}
    assert len(orders) == 6
