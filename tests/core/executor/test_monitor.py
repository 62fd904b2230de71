"""The monitor callback: what it sees, under which names."""

import ctypes

import numpy as np
import pytest

import mxtrain as mx


def watched(symbol, monitor_all=False, **shapes):
    executor = symbol.simple_bind(mx.cpu(), **shapes)
    seen = []
    executor.set_monitor_callback(lambda name, array: seen.append((name, array)), monitor_all=monitor_all)
    return executor, seen


def test_every_output_of_forward_hidden_ones_among_them():
    net = mx.sym.BatchNorm(mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=3, name="fc"), name="bn")
    executor, seen = watched(mx.sym.SoftmaxOutput(net, name="softmax"), x=(2, 3))
    executor.forward(is_train=True)
    assert [name for name, _ in seen] == ["fc_output", "bn_output", "bn_mean", "bn_var", "softmax_output"]
    assert seen[0][1].shape == (2, 3)
    executor.backward()
    assert any("backward" in name for name, _ in seen[5:])


def test_inputs_too_and_variables_under_their_own_names():
    net = mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=3, name="fc")
    executor, seen = watched(net, monitor_all=True, x=(2, 3))
    executor.forward()
    names = [name for name, _ in seen]
    assert names == ["x", "fc_data", "fc_weight", "fc_weight", "fc_bias", "fc_bias", "fc_output"]


def test_values_are_copies_of_that_moment_although_memory_is_shared():
    net = mx.sym.var("x")
    for _ in range(4):
        net = net + 1
    executor, seen = watched(net, x=(1,), grad_req="null")
    executor.forward()
    assert [float(array.asscalar()) for _, array in seen] == [1, 2, 3, 4]


def test_results_are_the_same_without_it():
    net = mx.sym.tanh(mx.sym.var("x") * 2)
    executor, seen = watched(net, x=(2,))
    executor.arg_dict["x"][:] = 0.25
    with_monitor = executor.forward()[0].asnumpy()
    executor.set_monitor_callback(None)
    count = len(seen)
    np.testing.assert_array_equal(executor.forward()[0].asnumpy(), with_monitor)
    assert len(seen) == count


def test_arrays_by_handle_as_monitors_of_mxnet_take_them():
    executor = mx.sym.exp(mx.sym.var("x"), name="e").simple_bind(mx.cpu(), x=(2,))
    seen = []

    def look(name, array):
        handle = ctypes.cast(array, mx.base.NDArrayHandle)
        seen.append((name, mx.nd.NDArray(handle, writable=False).asnumpy().tolist()))

    executor.set_monitor_callback(look)
    executor.forward()
    assert seen == [("e_output", [1, 1])]
    with pytest.raises(mx.MXNetError, match="handle"):
        mx.nd.NDArray(ctypes.c_void_p(12345))
    with pytest.raises(mx.MXNetError, match="handle"):
        mx.nd.NDArray(np.zeros(3))
    array = mx.nd.ones(2)
    handle = array.handle
    del array
    with pytest.raises(mx.MXNetError, match="handle"):
        mx.nd.NDArray(handle)
