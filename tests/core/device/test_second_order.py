"""Gradients of gradients on GPUs (CuPy's stand-in), through functions made of symbols and through compositions."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd

pytestmark = pytest.mark.usefixtures("fake_gpus")


def second_gradient(function, values, ctx):
    x = mx.nd.array(values, ctx=ctx)
    x.attach_grad()
    with autograd.record():
        (first,) = autograd.grad(function(x), [x], create_graph=True)
        loss = (first * first).sum()
    loss.backward()
    assert x.grad.context == ctx
    return x.grad.asnumpy()


@pytest.mark.parametrize(
    "function",
    [
        mx.nd.CachedOp(mx.sym.tanh(mx.sym.square(mx.sym.Variable("x")))),
        lambda x: mx.nd.softmax(x) * x,
        lambda x: mx.nd.LRN(x.reshape((1, 4, 3, 1)), nsize=3, alpha=0.5),
        lambda x: mx.nd.Pooling(x.reshape((1, 1, 4, 3)) ** 3, kernel=(2, 2), pool_type="max"),
        lambda x: mx.nd.LeakyReLU(x, act_type="gelu"),
    ],
)
def test_as_on_the_cpu(function):
    values = np.random.RandomState(2).uniform(0.2, 1.5, (4, 3)).astype(np.float32)
    expected = second_gradient(function, values, mx.cpu())
    assert expected.any()
    np.testing.assert_allclose(second_gradient(function, values, mx.gpu(1)), expected, rtol=1e-4, atol=1e-5)
