"""Executors of graphs whose shapes follow from values."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


def masked():
    mask = mx.sym.contrib.boolean_mask(mx.sym.var("x"), mx.sym.var("mask"), name="mask")
    return mx.sym.broadcast_mul(mask, mx.sym.var("w"))


def bind(grad_req="write"):
    arrays = {"x": nd.array([[1, 2], [3, 4], [5, 6]]), "mask": nd.array([0, 1, 1]), "w": nd.array([[3, 4]])}
    grads = {"x": nd.ones((3, 2)), "w": nd.ones((1, 2))}
    return masked().bind(mx.cpu(), arrays, grads, grad_req)


def test_the_shape_is_partly_known_before_values_are():
    mask = mx.sym.contrib.boolean_mask(mx.sym.var("x"), mx.sym.var("mask"))
    assert mask.infer_shape_partial(x=(3, 2)) == ([(3, 2), (3,)], [(0, 2)], [])
    assert mask.infer_shape(x=(3, 2)) == (None, None, None)


@pytest.mark.parametrize("is_train", [True, False])
def test_forward_and_backward(is_train):
    executor = bind()
    (y,) = executor.forward(is_train=is_train)
    np.testing.assert_array_equal(y.asnumpy(), [[9, 16], [15, 24]])
    executor.backward([nd.array([[1, 10], [100, 1000]])])
    np.testing.assert_array_equal(executor.grad_dict["x"].asnumpy(), [[0, 0], [3, 40], [300, 4000]])
    np.testing.assert_array_equal(executor.grad_dict["w"].asnumpy(), [[503, 6040]])
    (y,) = executor.forward(mask=nd.array([1, 0, 0]))
    np.testing.assert_array_equal(y.asnumpy(), [[3, 8]])
    assert executor.outputs[0] is y
    assert "values" in executor.debug_str()


def test_gradients_are_added_where_asked():
    executor = bind("add")
    for _ in range(2):
        executor.forward(is_train=True)
        executor.backward([nd.ones((2, 2))])
    np.testing.assert_array_equal(executor.grad_dict["x"].asnumpy(), [[1, 1], [7, 9], [7, 9]])


def test_a_monitor_sees_the_outputs():
    executor = bind()
    seen = {}
    executor.set_monitor_callback(lambda name, array: seen.update({name: array.shape}))
    executor.forward()
    assert seen["mask_output"] == (2, 2)


def test_wrong_gradients_are_refused():
    executor = bind()
    executor.forward(is_train=True)
    with pytest.raises(mx.MXNetError, match=r"\(2, 2\).*\(3, 2\)"):
        executor.backward([nd.ones((3, 2))])
    executor.backward([nd.ones((2, 2))])
    with pytest.raises(mx.MXNetError, match="a forward before"):
        executor.backward([nd.ones((2, 2))])
