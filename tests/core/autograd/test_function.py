"""`autograd.Function`: functions whose gradient the user writes."""

import numpy as np
import pytest

from mxtrain import autograd, nd
from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError


class Sigmoid(autograd.Function):
    def forward(self, x):
        y = 1 / (1 + nd.exp(-x))
        self.save_for_backward(y)
        return y

    def backward(self, dy):
        (y,) = self.saved_tensors
        return dy * y * (1 - y)


class Both(autograd.Function):
    """Product and sum of two arrays."""

    def forward(self, a, b):
        self.save_for_backward(a, b)
        return a * b, a + b

    def backward(self, by_product, by_sum):
        a, b = self.saved_tensors
        return by_product * b + by_sum, by_product * a + by_sum


def variable(*values):
    array = nd.array(values)
    array.attach_grad()
    return array


def test_one_output():
    x = variable(-1.0, 0.0, 2.0)
    with autograd.record():
        y = Sigmoid()(x * 1)
    y.backward()
    s = 1 / (1 + np.exp(-x.asnumpy()))
    np.testing.assert_allclose(y.asnumpy(), s, rtol=1e-6)
    np.testing.assert_allclose(x.grad.asnumpy(), s * (1 - s), rtol=1e-5)


def test_several_inputs_and_outputs():
    a, b = variable(1.0, 2.0), variable(3.0, 4.0)
    with autograd.record():
        product, total = Both()(a, b)
        y = product * 2 + total
    y.backward()
    assert a.grad.asnumpy().tolist() == [7, 9]
    assert b.grad.asnumpy().tolist() == [3, 5]


def test_an_output_that_is_not_used_gets_zeros():
    a, b = variable(1.0), variable(3.0)
    with autograd.record():
        product, _ = Both()(a, b)
    product.backward()
    assert (a.grad.asscalar(), b.grad.asscalar()) == (3, 1)


def test_outside_of_recording_it_only_computes():
    assert Sigmoid()(nd.zeros(2)).asnumpy().tolist() == [0.5, 0.5]


def test_its_own_computation_is_not_recorded():
    class Seen(autograd.Function):
        def forward(self, x):
            assert not autograd.is_recording()
            return x

        def backward(self, dy):
            assert not autograd.is_recording()
            return dy * 7

    x = variable(1.0)
    with autograd.record():
        y = Seen()(x) * 2
    y.backward()
    assert x.grad.asscalar() == 14


def test_no_gradient_is_zeros():
    class Stop(autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            return None

    x = variable(1.0)
    x.grad[:] = 9
    with autograd.record():
        y = Stop()(x)
    y.backward()
    assert x.grad.asscalar() == 0


def test_a_chain_of_them():
    x = variable(0.5)
    with autograd.record():
        y = x
        for _ in range(5):
            y = Sigmoid()(y)
    y.backward()
    plain = variable(0.5)
    with autograd.record():
        z = plain
        for _ in range(5):
            z = nd.sigmoid(z)
    z.backward()
    np.testing.assert_allclose(x.grad.asnumpy(), plain.grad.asnumpy(), rtol=1e-5)


def test_a_retained_graph_calls_backward_again():
    x = variable(2.0)
    with autograd.record():
        y = Both()(x, x)[0]
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.asscalar() == 4


def test_an_instance_is_used_once():
    function = Sigmoid()
    function(nd.ones(1))
    with pytest.raises(MXNetError, match="one call per Function instance"):
        function(nd.ones(1))


def returning(forward=lambda x: x, backward=lambda dy: dy):
    class Returning(autograd.Function):
        def forward(self, x):
            return forward(x)

        def backward(self, dy):
            return backward(dy)

    return Returning()


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (returning(backward=lambda dy: (dy, dy)), ArgumentError, r"'Returning'.*1 gradient\(s\).*Received: 2"),
        (returning(backward=lambda dy: nd.ones(5)), ArgumentError, r"\(2,\) for input 0.*\(5,\)"),
        (returning(backward=lambda dy: 3), ArgumentTypeError, "NDArrays from backward.*int"),
        (returning(forward=lambda x: x.asnumpy()), ArgumentTypeError, "NDArrays from forward.*ndarray"),
    ],
)
def test_what_it_returns_is_checked(function, error, words):
    x = variable(1.0, 2.0)

    def use():
        with autograd.record():
            y = function(x)
        y.backward()

    with pytest.raises(error, match=words):
        use()


def test_methods_must_be_written():
    with pytest.raises(NotImplementedError, match="Function must define forward"):
        autograd.Function()(nd.ones(1))
