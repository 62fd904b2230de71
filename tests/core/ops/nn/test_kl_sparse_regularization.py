"""IdentityAttachKLSparseReg gives MXNet 1.9.1's numbers."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

DATA = [[0.2, 0.7], [0.4, 0.9], [0.1, 0.5]]


def test_gradient_and_moving_average():
    symbol = mx.sym.IdentityAttachKLSparseReg(
        mx.sym.var("x"), name="kl", sparseness_target=0.2, penalty=0.01, momentum=0.9
    )
    assert symbol.list_auxiliary_states() == ["kl_moving_avg"]
    assert symbol.infer_shape(x=(3, 2)) == ([(3, 2)], [(3, 2)], [(2,)])
    states = {"kl_moving_avg": nd.array([0.3, 0.6])}
    executor = symbol.bind(mx.cpu(), {"x": nd.array(DATA)}, {"x": nd.zeros((3, 2))}, aux_states=states)
    for average, grad in (
        ([0.29333335, 0.61], [1.004502534866333, 2.0172340869903564]),
        ([0.28733334, 0.619], [1.0042648315429688, 2.0177664756774902]),
    ):
        (y,) = executor.forward(is_train=True)
        np.testing.assert_allclose(y.asnumpy(), DATA, rtol=1e-6)
        executor.backward([nd.array([[1, 2], [3, 4], [5, 6]])])
        np.testing.assert_allclose(states["kl_moving_avg"].asnumpy(), average, rtol=1e-6)
        np.testing.assert_allclose(executor.grad_dict["x"].asnumpy() - [[0, 0], [2, 2], [4, 4]], [grad] * 3, rtol=1e-5)
    executor.forward(is_train=False)
    np.testing.assert_allclose(states["kl_moving_avg"].asnumpy(), [0.28733334, 0.619], rtol=1e-6)


def test_other_ranks_are_refused():
    with pytest.raises(mx.MXNetError, match=r"IdentityAttachKLSparseReg.*\(N, C\).*\(3, 2, 4\)"):
        mx.sym.IdentityAttachKLSparseReg(mx.sym.var("x")).infer_shape(x=(3, 2, 4))
    with pytest.raises(mx.MXNetError, match=r"\(N, C\)"):
        nd.IdentityAttachKLSparseReg(nd.ones((3, 2, 4)), nd.ones((2,)))
