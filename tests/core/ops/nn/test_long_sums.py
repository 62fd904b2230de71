"""Gradients that are sums over many samples keep their digits."""

import numpy as np

import mxtrain as mx
from mxtrain.ops.nn.channel_sum import sum_rows


def test_sums_of_rows_of_any_number():
    for rows in (0, 1, 63, 127, 128, 129, 64 * 64 * 2 + 5):
        matrix = np.arange(rows * 3, dtype=np.float64).reshape(rows, 3)
        np.testing.assert_array_equal(sum_rows(np, matrix), matrix.sum(axis=0))


def test_gradients_by_parameters_over_many_samples():
    random = np.random.RandomState(0)
    data, head = (random.normal(size=(4096, 64)).astype(np.float32) for _ in range(2))
    x, gamma, beta = mx.nd.array(data), mx.nd.ones(64), mx.nd.zeros(64)
    for array in (x, gamma, beta):
        array.attach_grad()
    with mx.autograd.record():
        y = mx.nd.LayerNorm(x, gamma, beta)
    y.backward(mx.nd.array(head))
    wide, heads = data.astype(np.float64), head.astype(np.float64)
    standard = (wide - wide.mean(axis=1, keepdims=True)) / np.sqrt(wide.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(beta.grad.asnumpy(), heads.sum(axis=0), atol=1e-4)
    np.testing.assert_allclose(gamma.grad.asnumpy(), (heads * standard).sum(axis=0), atol=1e-4)
