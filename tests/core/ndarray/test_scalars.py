"""Arrays without axes, which numbers become: arithmetic, writing, gradients."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd, nd


@pytest.mark.parametrize("source", [3.0, np.ones([]) * 3, np.float64(3)])
def test_a_number_has_no_axes(source):
    array = nd.array(source)
    assert array.shape == ()
    assert (float(array), array.asscalar()) == (3, 3)


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda a: a + 1, 4),
        (lambda a: 2 - a * a, -7),
        (lambda a: -a, -3),
        (lambda a: a == 3, 1),
        (nd.exp, np.exp(3)),
        (lambda a: nd.maximum(a, 5), 5),
        (lambda a: a.astype("int32"), 3),
    ],
)
def test_results_are_arrays_that_can_be_written(compute, expected):
    result = compute(nd.array(3.0))
    assert result.shape == ()
    assert isinstance(result.data_array, np.ndarray)
    assert result.asscalar() == pytest.approx(expected)
    result[:] = 7
    assert result.asscalar() == 7
    result[()] = 8
    result += 1
    assert result.asscalar() == 9


def test_with_other_arrays():
    assert (nd.array(3.0) + nd.ones(2)).asnumpy().tolist() == [4, 4]
    assert nd.stack(nd.array(1.0), nd.array(2.0)).asnumpy().tolist() == [1, 2]


def test_gradients():
    a = nd.array(3.0)
    a.attach_grad()
    with autograd.record():
        y = a * a + 1
    y.backward()
    assert (a.grad.shape, a.grad.asscalar()) == ((), 6)


def test_in_an_executor():
    executor = (mx.sym.var("x") * 2).bind(mx.cpu(), [nd.array(3.0)])
    assert executor.forward()[0].asscalar() == 6


def test_arrays_like_one_without_axes_have_none():
    scalar = mx.nd.array(5.0)
    assert mx.nd.zeros_like(scalar).shape == mx.nd.ones_like(scalar).shape == ()
