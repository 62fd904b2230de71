"""`CachedOp`: a Symbol as a function of NDArrays."""

import gc
import threading

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd
from mxtrain.executor import cached_op as cached_op_module


def network():
    """tanh(x W^T + b) with BatchNorm: parameters, and states that the forward pass updates."""
    x = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=3, name="fc")
    return mx.sym.tanh(mx.sym.BatchNorm(x, name="bn", fix_gamma=False))


def arrays_for(symbol, batch=4, seed=1):
    random = np.random.RandomState(seed)
    shapes, _, aux = symbol.infer_shape(x=(batch, 5))
    by_name = dict(zip(symbol.list_arguments(), shapes, strict=True))
    by_name.update(zip(symbol.list_auxiliary_states(), aux, strict=True))
    return [mx.nd.array(random.uniform(0.5, 1.5, by_name[name])) for name in symbol.list_inputs()]


def imperative(x, weight, bias, gamma, beta, mean, var):
    y = mx.nd.FullyConnected(x, weight, bias, num_hidden=3)
    return mx.nd.tanh(mx.nd.BatchNorm(y, gamma, beta, mean, var, fix_gamma=False))


def gradients_of(function, arrays, train_mode=True):
    for array in arrays[:5]:
        array.attach_grad()
    with autograd.record(train_mode=train_mode):
        y = function(*arrays)
        loss = (y * y * y).sum()
    loss.backward()
    return [y.asnumpy(), *(array.grad.asnumpy() for array in arrays[:5]), *(a.asnumpy() for a in arrays[5:])]


@pytest.mark.parametrize("train_mode", [True, False])
@pytest.mark.parametrize("flags", [[], [("static_alloc", True), ("data_indices", [0]), ("param_indices", range(1, 5))]])
def test_equals_imperative_execution(train_mode, flags):
    symbol = network()
    op = mx.nd.CachedOp(symbol, flags)
    assert symbol.list_inputs()[0] == "x"
    for seed in (1, 2):
        found = gradients_of(op, arrays_for(symbol, seed=seed), train_mode)
        wished = gradients_of(imperative, arrays_for(symbol, seed=seed), train_mode)
        for a, b in zip(found, wished, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_parameters_may_change_between_calls():
    op = mx.nd.CachedOp(mx.sym.Variable("x") * mx.sym.Variable("w"), [("data_indices", [0]), ("param_indices", [1])])
    x, w = mx.nd.array([1, 2]), mx.nd.array([3, 4])
    first = op(x, w)
    w[:] = 10
    np.testing.assert_array_equal(op(x, w).asnumpy(), [10, 20])
    np.testing.assert_array_equal(op(x, mx.nd.array([5, 6])).asnumpy(), [5, 12])
    np.testing.assert_array_equal(first.asnumpy(), [3, 8])  # outputs of earlier calls stay


def test_calls_that_wait_for_their_backward_keep_their_own_values():
    op = mx.nd.CachedOp(mx.sym.square(mx.sym.exp(mx.sym.Variable("x"))))
    x = mx.nd.array([0.1, 0.2])
    x.attach_grad()
    with autograd.record():
        total = sum(op(x * k) for k in range(1, 7))
    total.backward()
    wished = sum(2 * k * np.exp(2 * k * np.array([0.1, 0.2])) for k in range(1, 7))
    np.testing.assert_allclose(x.grad.asnumpy(), wished, rtol=1e-5)


def test_backward_again_over_a_kept_graph():
    op = mx.nd.CachedOp(mx.sym.Dropout(mx.sym.Variable("x"), p=0.5) * mx.sym.Variable("x2"))
    x = mx.nd.ones((50,))
    x.attach_grad()
    with autograd.record():
        y = op(x, x * 3)
    y.backward(retain_graph=True)
    first = x.grad.asnumpy()
    assert set(first) == {0.0, 12.0}
    y.backward()
    np.testing.assert_allclose(x.grad.asnumpy(), first, rtol=1e-6)


def test_higher_order_through_random_numbers():
    """Second derivatives, with the mask of the first run: y = (m x)^3."""
    op = mx.nd.CachedOp(mx.sym.Dropout(mx.sym.Variable("x"), p=0.5) ** 3)
    x = mx.nd.arange(1, 41)
    x.attach_grad()
    with autograd.record():
        y = op(x * 1.0)
        grad = autograd.grad(y, x, create_graph=True)[0]
    grad.backward()
    mask = np.cbrt(y.asnumpy()) / x.asnumpy()
    np.testing.assert_allclose(grad.asnumpy(), 3 * mask**3 * x.asnumpy() ** 2, rtol=1e-5)
    np.testing.assert_allclose(x.grad.asnumpy(), 6 * mask**3 * x.asnumpy(), rtol=1e-5)


def test_third_order():
    op = mx.nd.CachedOp(mx.sym.sin(mx.sym.Variable("x")))
    x = mx.nd.array([0.3, 1.2])
    x.attach_grad()
    with autograd.record():
        first = autograd.grad(op(x), x, create_graph=True)[0]
        second = autograd.grad(first, x, create_graph=True)[0]
    second.backward()
    np.testing.assert_allclose(x.grad.asnumpy(), -np.cos([0.3, 1.2]), rtol=1e-5)


def test_differentiating_again_leaves_states_alone():
    symbol = network()
    arrays = arrays_for(symbol)
    arrays[0].attach_grad()
    op = mx.nd.CachedOp(symbol)
    with autograd.record():
        y = op(*arrays)
        once = arrays[5].asnumpy()
        autograd.grad(y, arrays[0], create_graph=True)
    np.testing.assert_array_equal(arrays[5].asnumpy(), once)


def test_new_shapes_and_dtypes_are_planned_anew():
    op = mx.nd.CachedOp(mx.sym.Variable("x") + 1)
    for shape in ((2,), (3, 4), (0,), (1, 1, 1)):
        for dtype in (np.float32, np.float64, np.float16, np.int32):
            y = op(mx.nd.array(np.zeros(shape), dtype=dtype))
            assert (y.shape, y.dtype) == (shape, dtype)


def test_the_number_of_compiled_forms_is_bounded():
    op = mx.nd.CachedOp(mx.sym.Variable("x") + 1)
    for size in range(1, 3 * cached_op_module.MAX_KINDS):
        op(mx.nd.zeros((size,)))
    assert len(op._compiled) == cached_op_module.MAX_KINDS
    x = mx.nd.zeros((3,))
    x.attach_grad()
    with autograd.record():
        waiting = [op(x) for _ in range(3 * cached_op_module.MAX_IDLE)]
    del waiting
    gc.collect()
    assert max(map(len, op._compiled.values())) == cached_op_module.MAX_IDLE


def test_shapes_that_follow_from_values():
    symbol = mx.sym.contrib.boolean_mask(mx.sym.Variable("x"), mx.sym.Variable("mask")) * 2
    op = mx.nd.CachedOp(symbol, [("is_dynamic", True)])
    x = mx.nd.array([[1, 2], [3, 4], [5, 6]])
    x.attach_grad()
    with autograd.record():
        y = op(x, mx.nd.array([1, 0, 1]))
    y.backward()
    np.testing.assert_array_equal(y.asnumpy(), [[2, 4], [10, 12]])
    np.testing.assert_array_equal(x.grad.asnumpy(), [[2, 2], [0, 0], [2, 2]])
    assert op(x, mx.nd.array([0, 0, 1])).shape == (1, 2)


def test_several_outputs_and_out():
    x = mx.sym.Variable("x")
    op = mx.nd.CachedOp(mx.sym.Group([x * 2, x, x + 1]))
    value = mx.nd.array([1, 2])
    value.attach_grad()
    with autograd.record():
        doubled, same, _ = op(value)
        loss = doubled * 3 + same
    loss.backward()
    np.testing.assert_array_equal(value.grad.asnumpy(), [7, 7])
    same[:] = 0
    np.testing.assert_array_equal(value.asnumpy(), [1, 2])
    targets = [mx.nd.zeros((2,)) for _ in range(3)]
    assert op(value, out=targets) is targets
    np.testing.assert_array_equal(targets[0].asnumpy(), [2, 4])
    with pytest.raises(mx.MXNetError, match="expected 3 arrays"):
        op(value, out=targets[0])


def test_without_inputs():
    op = mx.nd.CachedOp(mx.sym.zeros((2, 3)) + 1)
    assert op(default_ctx=mx.cpu(1)).context == mx.cpu(1)
    np.testing.assert_array_equal(op().asnumpy(), np.ones((2, 3)))


def test_one_function_on_several_devices():
    op = mx.nd.CachedOp(mx.sym.Variable("x") * 2)
    for device in (mx.cpu(0), mx.cpu(1)):
        x = mx.nd.ones((2,), ctx=device)
        x.attach_grad()
        with autograd.record():
            y = op(x)
        y.backward()
        assert y.context == device
        assert x.grad.context == device


def test_threads_share_one_function():
    op = mx.nd.CachedOp(mx.sym.sum(mx.sym.square(mx.sym.Variable("x"))))
    results = {}

    def work(number):
        x = mx.nd.full((1000,), number)
        x.attach_grad()
        for _ in range(20):
            with autograd.record():
                y = op(x)
            y.backward()
            results.setdefault(number, set()).add((float(y.asscalar()), float(x.grad.asnumpy().mean())))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {n: {(1000.0 * n * n, 2.0 * n)} for n in range(1, 5)}


def test_hook_sees_every_operator():
    symbol = mx.sym.Activation(
        mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=3, name="fc"), act_type="relu", name="act"
    )
    op = mx.nd.CachedOp(symbol)
    seen = []
    op._register_op_hook(lambda name, kind, array: seen.append((name, kind, array.shape)), monitor_all=True)
    op(mx.nd.ones((2, 4)), mx.nd.ones((3, 4)), mx.nd.ones((3,)))
    # names, operators and their order as MXNet 1.9.1 gives them
    assert seen == [
        (b"fc_data", b"FullyConnected", (2, 4)),
        (b"fc_weight", b"FullyConnected", (3, 4)),
        (b"fc_bias", b"FullyConnected", (3,)),
        (b"fc_output", b"FullyConnected", (2, 3)),
        (b"act_input0", b"Activation", (2, 3)),
        (b"act_output", b"Activation", (2, 3)),
    ]


def test_wrong_use_is_named():
    x = mx.sym.Variable("x")
    with pytest.raises(mx.MXNetError, match=r"static_alocc.*Did you mean 'static_alloc'"):
        mx.nd.CachedOp(x, [("static_alocc", True)])
    with pytest.raises(mx.MXNetError, match="several named"):
        mx.nd.CachedOp(x + mx.sym.Variable("x"))
    op = mx.nd.CachedOp(x + mx.sym.Variable("y"))
    with pytest.raises(mx.MXNetError, match=r"expected 2 inputs, for \['x', 'y'\]. Received: 1"):
        op(mx.nd.ones((2,)))
    with pytest.raises(mx.MXNetError, match=r"y: expected an NDArray. Received: int"):
        op(mx.nd.ones((2,)), 1)
    with pytest.raises(mx.MXNetError, match="elemwise_add"):
        op(mx.nd.ones((2,)), mx.nd.ones((3,)))


def test_one_array_as_several_inputs_differentiated_twice():
    op = mx.nd.CachedOp(mx.sym.Variable("a") * mx.sym.square(mx.sym.Variable("b")))
    x = mx.nd.array([2.0, 3.0])
    x.attach_grad()
    with autograd.record():
        (first,) = autograd.grad(op(x, x), [x], create_graph=True)
    first.backward()
    np.testing.assert_allclose(first.asnumpy(), [12, 27])
    np.testing.assert_allclose(x.grad.asnumpy(), [12, 18])


def test_sparse_results_and_gradients_of_dense_inputs():
    x, table = mx.sym.var("x"), mx.sym.var("table")
    found = mx.sym.Embedding(x, table, input_dim=50, output_dim=2, sparse_grad=True)
    op = mx.nd.CachedOp(mx.sym.Group([found, mx.sym.cast_storage(mx.sym.sum(found, axis=1), stype="row_sparse")]))
    ids, weight = mx.nd.array([[7, 9], [7, 7]]), mx.nd.ones((50, 2))
    weight.attach_grad(stype="row_sparse")
    for _ in range(2):
        with autograd.record():
            rows, sums = op(ids, weight)
            total = rows.sum() + sums.tostype("default").sum()
        total.backward()
        assert sums.stype == "row_sparse"
        np.testing.assert_array_equal(sums.asnumpy(), np.full((2, 2), 2))
        np.testing.assert_array_equal(weight.grad.indices.asnumpy(), [7, 9])
        np.testing.assert_array_equal(weight.grad.data.asnumpy(), [[6, 6], [2, 2]])
