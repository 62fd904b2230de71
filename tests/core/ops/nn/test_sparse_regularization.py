"""`IdentityAttachKLSparseReg`, with the values of MXNet 1.9.1."""

import numpy as np
import pytest

import mxtrain as mx

DATA = [
    [0.539050817489624, 0.672151505947113, 0.5822107195854187],
    [0.5359065532684326, 0.43892383575439453, 0.6167153120040894],
    [0.45006975531578064, 0.8134183883666992, 0.8709301948547363],
    [0.40675321221351624, 0.7333800196647644, 0.5231159329414368],
]


def test_values_over_two_steps():
    symbol = mx.sym.IdentityAttachKLSparseReg(
        mx.sym.Variable("d"), sparseness_target=0.2, penalty=0.5, momentum=0.7, name="k"
    )
    assert symbol.list_auxiliary_states() == ["k_moving_avg"]
    state = mx.nd.array([0.3, 0.4, 0.5])
    executor = symbol.bind(
        mx.cpu(), {"d": mx.nd.array(DATA)}, {"d": mx.nd.zeros((4, 3))}, aux_states={"k_moving_avg": state}
    )
    np.testing.assert_array_equal(executor.forward(is_train=True)[0].asnumpy(), np.float32(DATA))
    executor.backward(mx.nd.ones((4, 3)))
    np.testing.assert_allclose(executor.grad_dict["d"].asnumpy(), [[1.3382605, 1.5596366, 1.6944399]] * 4, rtol=1e-5)
    np.testing.assert_allclose(state.asnumpy(), [0.35488355, 0.47934055, 0.54447293], rtol=1e-5)
    executor.forward(is_train=True)
    executor.backward(mx.nd.ones((4, 3)) * 2)
    np.testing.assert_allclose(executor.grad_dict["d"].asnumpy()[0], [2.4050491, 2.673033, 2.7687855], rtol=1e-5)
    np.testing.assert_allclose(state.asnumpy(), [0.39330202, 0.53487897, 0.57560396], rtol=1e-5)


def test_prediction_leaves_the_average_and_wrong_shapes_are_named():
    state = mx.nd.array([0.3, 0.4, 0.5])
    mx.nd.IdentityAttachKLSparseReg(mx.nd.array(DATA), state)
    assert state.asnumpy().tolist() == np.float32([0.3, 0.4, 0.5]).tolist()
    with pytest.raises(mx.MXNetError, match="moving_avg"):
        mx.nd.IdentityAttachKLSparseReg(mx.nd.array(DATA), mx.nd.ones(2))
