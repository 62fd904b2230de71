"""`mx.contrib.autograd`, the first interface of autograd."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain.contrib import autograd as old


def test_gradients_and_outputs():
    x, y = nd.array([1.0, 2.0]), nd.array([3.0, 4.0])
    grads, output = old.grad_and_loss(lambda a, b: a * b + a)(x, y)
    assert output.asnumpy().tolist() == [4, 10]
    assert [grad.asnumpy().tolist() for grad in grads] == [[4, 5], [1, 2]]
    assert [grad.asnumpy().tolist() for grad in old.grad(lambda a, b: a * b)(x, y)] == [[3, 4], [1, 2]]


def test_some_of_the_arguments():
    x = nd.array([2.0])
    (grad,), _ = old.grad_and_loss(lambda a, power: a**power, argnum=0)(x, 3)
    assert grad.asscalar() == 12
    with pytest.raises(TypeError, match=r"Argument 1: expected an NDArray. Received: int"):
        old.grad(lambda a, power: a**power)(x, 3)
    with pytest.raises(ValueError, match="positions below 1"):
        old.grad(lambda a: a, argnum=2)(x)


def test_sections():
    x = nd.ones((50, 50))
    with old.train_section():
        assert mx.autograd.is_recording()
        assert (nd.Dropout(x, p=0.5).asnumpy() == 0).any()
        with old.test_section():
            assert not mx.autograd.is_recording()
            assert (nd.Dropout(x, p=0.5).asnumpy() == 1).all()
    assert not mx.autograd.is_training()


def test_modes():
    assert old.set_is_training(True) is False
    assert mx.autograd.is_recording()
    assert old.set_is_training(False) is True
    assert not mx.autograd.is_recording()


def test_backward():
    x, dx = nd.ones((2, 2)), nd.zeros((2, 2))
    old.mark_variables([x], [dx])
    with old.train_section():
        y = x * 3
    old.backward([y], [nd.full((2, 2), 2)])
    assert (dx.asnumpy() == 6).all()
    with old.train_section():
        y = x * 4
    old.compute_gradient([y])
    assert np.unique(dx.asnumpy()).tolist() == [4]


def test_the_operators_stay_reachable():
    assert mx.contrib.nd is mx.nd.contrib
    assert mx.contrib.autograd is old
