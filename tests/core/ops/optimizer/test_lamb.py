"""LAMB on 16-bit weights, and row-wise AdaGrad: numbers of MXNet 1.9.1, and the formula where it has no CPU form."""

import numpy as np
import pytest

import mxtrain as mx


def test_first_phase_of_half_precision():
    weight = mx.nd.array([1.0, 2.0])
    grad, mean, var = (mx.nd.array(x) for x in ([0.5, -0.5], [0.1, 0.2], [0.3, 0.4]))
    inputs = [weight.astype("float16"), grad.astype("float16"), mean, var, weight]
    options = {"t": 2, "wd": 0.01, "rescale_grad": 0.5, "clip_gradient": 0.2}
    direction = mx.nd.mp_lamb_update_phase1(*inputs, **options)
    assert direction.dtype == np.float32
    np.testing.assert_allclose(direction.asnumpy(), [0.05727904, 0.07955714], rtol=1e-5)
    np.testing.assert_allclose(mean.asnumpy(), [0.11, 0.16], rtol=1e-5)
    np.testing.assert_allclose(var.asnumpy(), [0.29974002, 0.39963999], rtol=1e-5)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [({"lower_bound": 0.1, "upper_bound": 1.5}, [0.98144531, 2.01953125]), ({}, [0.97509766, 2.02539062])],
)
def test_second_phase_of_half_precision(bounds, expected):
    master, direction, r1, r2 = (mx.nd.array(x) for x in ([1.0, 2.0], [0.5, -0.5], [2.0], [4.0]))
    weight = master.astype("float16")
    mx.nd.mp_lamb_update_phase2(weight, direction, r1, r2, master, lr=0.1, out=weight, **bounds)
    np.testing.assert_array_equal(weight.asnumpy(), np.float16(expected))
    np.testing.assert_array_equal(master.asnumpy(), [1, 2])


def test_row_wise_adagrad():
    weight, grad, history = (mx.nd.array(x) for x in ([[1, 2], [3, 4]], [[0.5, 0.5], [0.1, 0.2]], [[0.5], [0.2]]))
    mx.nd.contrib.group_adagrad_update(weight, grad, history, lr=0.1, rescale_grad=0.5, epsilon=0.01, out=weight)
    g = np.array([[0.25, 0.25], [0.05, 0.1]])
    sums = np.array([[0.5], [0.2]]) + (g * g).mean(1, keepdims=True)
    np.testing.assert_allclose(history.asnumpy(), sums, rtol=1e-6)
    np.testing.assert_allclose(weight.asnumpy(), [[1, 2], [3, 4]] - 0.1 * g / np.sqrt(sums + 0.01), rtol=1e-6)


def test_row_wise_adagrad_refuses_other_histories():
    with pytest.raises(mx.MXNetError, match=r"_contrib_group_adagrad_update.*\(2, 1\)"):
        mx.nd.contrib.group_adagrad_update(mx.nd.ones((2, 3)), mx.nd.ones((2, 3)), mx.nd.ones((3, 1)), lr=0.1)
