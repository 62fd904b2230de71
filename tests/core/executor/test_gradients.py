"""Gradients of executors: grad_req, several outputs and uses, outputs that are variables, loss layers."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

X, Y = mx.sym.var("x"), mx.sym.var("y")


def bound(symbol, grad_req="write", **values):
    args = {name: nd.array(value) for name, value in values.items()}
    grads = {name: nd.ones(array.shape) * 100 for name, array in args.items()}
    return symbol.bind(mx.cpu(), args, grads, grad_req)


def step(executor, *head_grads):
    executor.forward(is_train=True)
    executor.backward([nd.array(grad) for grad in head_grads])
    return {name: grad.asnumpy().tolist() for name, grad in executor.grad_dict.items() if grad is not None}


@pytest.mark.parametrize(
    ("grad_req", "once", "twice"),
    [
        ("write", {"x": [3, 4], "y": [1, 2]}, {"x": [3, 4], "y": [1, 2]}),
        ("add", {"x": [103, 104], "y": [101, 102]}, {"x": [106, 108], "y": [102, 104]}),
        (["write", "add"], {"x": [3, 4], "y": [101, 102]}, {"x": [3, 4], "y": [102, 104]}),
        ({"x": "null", "y": "write"}, {"y": [1, 2]}, {"y": [1, 2]}),
        ({"y": "add"}, {"y": [101, 102]}, {"y": [102, 104]}),
    ],
)
def test_requests(grad_req, once, twice):
    executor = bound(X * Y, grad_req, x=[1, 2], y=[3, 4])
    assert step(executor, [1, 1]) == once
    assert step(executor, [1, 1]) == twice


def test_a_null_request_leaves_the_callers_array_alone():
    x, grad = nd.ones(2), nd.array([7.0, 8.0])
    executor = (X * 2).bind(mx.cpu(), [x], [grad], "null")
    executor.forward(is_train=True)
    executor.backward()
    assert grad.asnumpy().tolist() == [7, 8]


def test_a_variable_used_several_times():
    assert step(bound(X * X + X, x=[3]), [2]) == {"x": [14]}
    total = X + X + X + X + X + X + X + X
    assert step(bound(total, x=[1]), [1]) == {"x": [8]}


def test_an_output_that_is_a_variable_or_a_reshape_of_one():
    executor = bound(mx.sym.Group([X, X * 2, mx.sym.Reshape(X, shape=(1, 2)), X]), x=[1, 2])
    assert step(executor, [1, 1], [10, 10], [[100, 200]], [1000, 1000]) == {"x": [1121, 1221]}
    assert [output.asnumpy().tolist() for output in executor.outputs] == [[1, 2], [2, 4], [[1, 2]], [1, 2]]


def test_the_same_array_bound_twice():
    shared, grad = nd.array([3.0, 4.0]), nd.zeros(2)
    executor = (X * Y).bind(mx.cpu(), {"x": shared, "y": shared}, {"x": grad, "y": grad}, "add")
    executor.forward(is_train=True)
    executor.backward(nd.ones(2))
    assert grad.asnumpy().tolist() == [6, 8]


def test_a_gradient_that_is_the_head_gradient_itself():
    executor = bound(X + Y, x=[1, 2], y=[3, 4])
    assert step(executor, [5, 6]) == {"x": [5, 6], "y": [5, 6]}
    executor.grad_dict["x"][:] = 0
    assert executor.grad_dict["y"].asnumpy().tolist() == [5, 6]


def test_head_gradients_by_order_by_name_and_alone():
    group = mx.sym.Group([X * 2, X * 3])
    names = group.list_outputs()
    executor = bound(group, x=[1])
    assert step(executor, [1], [10]) == {"x": [32]}
    executor.backward({names[1]: nd.array([10]), names[0]: nd.array([1])})
    assert executor.grad_dict["x"].asnumpy().tolist() == [32]
    alone = bound(X * 2, x=[1])
    alone.forward(is_train=True)
    alone.backward(np.array([4.0]))
    assert alone.grad_dict["x"].asnumpy().tolist() == [8]
    alone.backward(alone.outputs)
    assert alone.grad_dict["x"].asnumpy().tolist() == [4]


def test_loss_layers_need_no_head_gradient():
    loss = mx.sym.SoftmaxOutput(X, Y, name="loss")
    executor = bound(mx.sym.Group([loss, mx.sym.BlockGrad(X)]), x=[[0, 0]], y=[1])
    executor.forward(is_train=True)
    executor.backward()
    assert executor.grad_dict["x"].asnumpy().tolist() == [[0.5, -0.5]]
    assert executor.grad_dict["y"].asnumpy().tolist() == [0]


def test_what_no_output_reaches_gets_zeros():
    executor = bound(mx.sym.BlockGrad(X) * Y, x=[1, 2], y=[3, 4])
    assert step(executor, [1, 1]) == {"x": [0, 0], "y": [1, 2]}
    executor = bound(mx.sym.BlockGrad(X) * Y, "add", x=[1, 2], y=[3, 4])
    assert step(executor, [1, 1]) == {"x": [100, 100], "y": [101, 102]}


def test_gradients_of_some_outputs_of_an_operator():
    parts = mx.sym.SliceChannel(X, num_outputs=3, axis=0, name="s")
    assert step(bound(parts[1] * 2, x=[[1], [2], [3]]), [[5]]) == {"x": [[0], [10], [0]]}


def test_a_gradient_array_of_another_dtype():
    grad = nd.zeros(2, dtype="float64")
    executor = (X * 3).bind(mx.cpu(), [nd.ones(2)], [grad])
    executor.forward(is_train=True)
    executor.backward(nd.array([1, 2]))
    assert grad.asnumpy().tolist() == [3, 6]


def test_backward_without_forward_runs_it():
    executor = bound(X * X, x=[3])
    executor.backward(nd.array([1]))
    assert executor.grad_dict["x"].asnumpy().tolist() == [6]


def test_an_operator_without_gradient_is_named_when_bound():
    picked = mx.sym.broadcast_mul(mx.sym.multi_all_finite(X, Y, num_arrays=2, name="finite"), Y)
    with pytest.raises(mx.MXNetError, match=r"'multi_all_finite' \(finite\).*BlockGrad"):
        picked.simple_bind(mx.cpu(), x=(1,), y=(1,))
    picked.simple_bind(mx.cpu(), x=(1,), y=(1,), grad_req="null").forward()


def test_outputs_are_the_same_arrays_in_every_run():
    executor = bound(X * 2, x=[1, 2])
    first = executor.forward()[0]
    executor.arg_dict["x"][:] = 5
    assert executor.forward()[0] is first
    assert first.asnumpy().tolist() == [10, 10]


def test_writing_into_an_output_that_is_a_variable_writes_into_the_variable():
    executor = bound(mx.sym.Group([X]), x=[1, 2])
    executor.forward()
    executor.outputs[0][:] = 7
    assert executor.arg_dict["x"].asnumpy().tolist() == [7, 7]


def test_every_request_beside_moving_states():
    """Each argument of a normalisation has its own request; the states move once in each forward."""
    net = mx.sym.BatchNorm(mx.sym.var("x"), fix_gamma=False, momentum=0.5, name="bn")
    reqs = {"x": "add", "bn_gamma": "write", "bn_beta": "null"}
    executor = net.simple_bind(mx.cpu(), grad_req=reqs, x=(4, 2))
    executor.arg_dict["x"][:] = np.arange(8).reshape(4, 2) ** 2
    executor.arg_dict["bn_gamma"][:] = 2
    found = []
    for _ in range(2):
        executor.forward(is_train=True)
        executor.backward(nd.array(np.arange(8).reshape(4, 2)))
        found.append({name: None if g is None else g.asnumpy() for name, g in executor.grad_dict.items()})
    assert found[0]["bn_beta"] is found[1]["bn_beta"] is None
    np.testing.assert_array_equal(found[1]["bn_gamma"], found[0]["bn_gamma"])
    np.testing.assert_array_equal(found[1]["x"], 2 * found[0]["x"])
    assert np.abs(found[0]["x"]).max() > 0
    mean = (np.arange(8).reshape(4, 2) ** 2).mean(axis=0)
    np.testing.assert_allclose(executor.aux_dict["bn_moving_mean"].asnumpy(), 0.75 * mean, rtol=1e-6)
