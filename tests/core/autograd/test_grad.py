"""`autograd.grad`: gradients as new arrays, by recorded arrays, of higher order."""

import numpy as np
import pytest

from mxtrain import autograd, nd
from mxtrain.base import ArgumentError, MXNetError


@pytest.fixture
def x():
    array = nd.array([1.0, 2.0])
    array.attach_grad()
    return array


def values(arrays):
    return [array.asnumpy().tolist() for array in arrays]


def test_gradients_are_new_arrays(x):
    with autograd.record():
        y = x * x
    (dx,) = autograd.grad(y, [x])
    assert values([dx, x.grad]) == [[2, 4], [0, 0]]
    with autograd.record():
        y = x * x
    single = autograd.grad(y, x, head_grads=nd.array([1.0, 10.0]))
    assert values(single) == [[2, 40]]


def test_by_recorded_arrays(x):
    with autograd.record():
        y = x * x
        z = (y * 3).sum()
    found = autograd.grad(z, [y, x, z], retain_graph=True)
    assert values(found) == [[3, 3], [6, 12], [1]]
    assert values(autograd.grad(z, y)) == [[3, 3]]


def test_by_an_output_of_several_that_got_none(x):
    with autograd.record():
        parts = nd.split(x * 2, num_outputs=2, axis=0)
        y = parts[0] * 5
    assert values(autograd.grad(y, [parts[0], parts[1]])) == [[5], [0]]


def test_zeros_where_no_gradient_flows(x):
    with autograd.record():
        y = nd.floor(x)
    assert values(autograd.grad(y, x)) == [[0, 0]]


def test_higher_order(x):
    with autograd.record():
        y = x * x * x
        first = autograd.grad(y, x, create_graph=True)[0]
        second = autograd.grad(first, x, create_graph=True)[0]
    second.backward()
    assert values([first, second, x.grad]) == [[3, 12], [6, 12], [6, 6]]


def test_differentiation_can_be_recorded_after_the_fact(x):
    with autograd.record():
        z = nd.exp(x) + x
    (dx,) = autograd.grad(z, [x], create_graph=True)
    np.testing.assert_allclose(dx.asnumpy(), np.exp([1, 2]) + 1, rtol=1e-6)
    dx.backward()
    np.testing.assert_allclose(x.grad.asnumpy(), np.exp([1, 2]), rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "second"),
    [
        (nd.sin, lambda v: -np.sin(v)),
        (nd.sigmoid, lambda v: (lambda s: s * (1 - s) * (1 - 2 * s))(1 / (1 + np.exp(-v)))),
        (
            lambda a: nd.FullyConnected(a.reshape((1, 2)) ** 2, nd.ones((1, 2)), num_hidden=1, no_bias=True),
            lambda v: 0 * v + 2,
        ),
        (lambda a: nd.sum(a * a, axis=0) * nd.mean(a), lambda v: 2 * (v + v.sum())),
    ],
)
def test_second_derivatives(function, second, x):
    with autograd.record():
        y = function(x)
        first = autograd.grad(y, x, create_graph=True)[0]
    first.backward()
    np.testing.assert_allclose(x.grad.asnumpy(), second(x.asnumpy()), rtol=1e-5)


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda y, x: autograd.grad(y, [nd.ones(2)]), MXNetError, r"variables\[0\].*attach_grad"),
        (lambda y, x: autograd.grad(y, []), ArgumentError, "at least one"),
    ],
)
def test_mistakes_are_named(act, error, words, x):
    with autograd.record():
        y = x * x
    with pytest.raises(error, match=words):
        act(y, x)


def test_a_variable_that_is_not_reached_is_named(x):
    other = nd.ones(2)
    other.attach_grad()
    with autograd.record():
        y = x * x
    with pytest.raises(MXNetError, match=r"variables\[1\].*unreachable"):
        autograd.grad(y, [x, other])
