"""`Executor.reshape`: other input shapes over the same memory and parameters."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

NET = mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=4, name="fc")


def executor_of_ones(**options):
    executor = NET.simple_bind(mx.cpu(), x=(5, 4), **options)
    executor.arg_dict["x"][:] = 1
    executor.arg_dict["fc_weight"][:] = 1
    return executor


def test_smaller_inputs_are_the_front_of_the_same_memory():
    executor = executor_of_ones(grad_req="null")
    smaller = executor.reshape(x=(3, 4))
    assert (smaller.forward()[0].asnumpy() == 4).all()
    assert (executor.outputs[0].asnumpy()[:3] == 4).all()
    smaller.arg_dict["x"][:] = 2
    np.testing.assert_array_equal(executor.arg_dict["x"].asnumpy()[:, 0], [2, 2, 2, 1, 1])
    assert smaller.arg_dict["fc_weight"] is executor.arg_dict["fc_weight"]
    assert (executor.forward()[0].asnumpy()[3:] == 4).all()


def test_larger_inputs_need_leave_and_get_new_arrays():
    executor = executor_of_ones()
    with pytest.raises(mx.MXNetError, match=r"x: expected at most 20 elements.*allow_up_sizing"):
        executor.reshape(x=(6, 4))
    larger = executor.reshape(allow_up_sizing=True, x=(6, 4))
    larger.arg_dict["x"][:] = 0
    assert (executor.arg_dict["x"].asnumpy() == 1).all()
    assert (larger.arg_dict["fc_weight"].asnumpy() == 1).all()
    larger.forward(is_train=True)
    larger.backward(nd.ones((6, 4)))
    assert (executor.grad_dict["fc_bias"].asnumpy() == 6).all()


def test_arguments_that_change_without_being_named_need_leave():
    executor = executor_of_ones()
    with pytest.raises(mx.MXNetError, match=r"fc_weight: expected to keep its shape.*partial_shaping"):
        executor.reshape(x=(5, 2))
    other = executor.reshape(partial_shaping=True, x=(5, 2))
    assert other.arg_dict["fc_weight"].shape == (4, 2)


def test_requests_and_arenas_stay():
    executor = executor_of_ones(grad_req={"fc_weight": "add", "fc_bias": "write"})
    smaller = executor.reshape(x=(2, 4))
    assert smaller.grad_req == executor.grad_req
    assert smaller.arenas == executor.arenas
    for _ in range(2):
        smaller.forward(is_train=True)
        smaller.backward(nd.ones((2, 4)))
    assert (executor.grad_dict["fc_weight"].asnumpy() == 4).all()
    assert executor.reshape(partial_shaping=True, x=(5, 2)).arenas == []


def test_states_are_shared():
    executor = mx.sym.BatchNorm(mx.sym.var("x"), momentum=0.0, name="bn").simple_bind(mx.cpu(), x=(4, 2))
    smaller = executor.reshape(x=(2, 2))
    smaller.forward(is_train=True, x=np.array([[0, 2], [2, 4]], "float32"))
    assert executor.aux_dict["bn_moving_mean"].asnumpy().tolist() == [1, 3]


def test_a_monitor_stays():
    executor = mx.sym.exp(mx.sym.var("x"), name="e").simple_bind(mx.cpu(), x=(2,))
    seen = []
    executor.set_monitor_callback(lambda name, array: seen.append((name, array.shape)))
    executor.reshape(x=(5,), allow_up_sizing=True).forward()
    assert seen == [("e_output", (5,))]
