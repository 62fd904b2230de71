"""What loops and branches compute, and their gradients: on the tape, in executors, and in MXNet 1.9.1."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


def ramp(*shape):
    """Numbers from -1 to 1."""
    return np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def foreach_loss(contrib, ops, x, s, w):
    h = w * 2
    out, states = contrib.foreach(
        lambda d, st: ([d * h + st[0], d * st[1]], [ops.tanh(st[0] * w + d), st[1] * w]), x, [s, s * 3]
    )
    return (out[0] * out[1]).sum() + (states[0] * states[1]).sum()


def while_loss(contrib, ops, i, s, w):
    out, states = contrib.while_loop(
        lambda i, s: i <= 4, lambda i, s: ([ops.broadcast_mul(s, i), s * w], [i + 1, ops.tanh(s * w + 1)]), [i, s], 6
    )
    out = [ops.slice_axis(part, axis=0, begin=0, end=4) for part in out]
    return (out[0] * out[0]).sum() + out[1].sum() + (states[1] * 2).sum() + states[0].sum()


def then_loss(contrib, ops, x, s, w):
    out = contrib.cond((x * s).sum() > 0, lambda: [x * w, s * s], lambda: [x + s, x * x])
    return (out[0] * out[1]).sum()


def else_loss(contrib, ops, x, s, w):
    out = contrib.cond((x * s).sum() < -1, lambda: [x * w, s * s], lambda: [x + s, x * x])
    return (out[0] * out[1]).sum()


def nested_loss(contrib, ops, x, s, w):
    def inner(d, st):
        return d + st[0] * w, [ops.tanh(st[0] + d)]

    def outer(d, st):
        out, last = contrib.foreach(inner, d, [st[0] + w * 2])
        kept = contrib.cond(last[0].sum() > 0, lambda: last[0] * w, lambda: last[0] + w)
        return out, [kept]

    out, states = contrib.foreach(outer, x, [s])
    return (out * out).sum() + states[0].sum()


VECTORS = {"s": ramp(3), "w": ramp(3) * np.float32(0.7)}
# function, arguments, and where MXNet 1.9.1 gave numbers: the value and the gradients
LOSSES = {
    "foreach": (
        foreach_loss,
        {"x": ramp(4, 3), **VECTORS},
        (
            2.8632097,
            [
                [
                    [-5.773146629333496, 0.0, -1.594199776649475],
                    [1.279834270477295, 0.0, 0.9492110013961792],
                    [1.7316523790359497, 0.0, 2.7813303470611572],
                    [-2.157966136932373, 0.0, 3.4836535453796387],
                ],
                [3.063687324523926, 0.0, 1.2824816703796387],
                [-0.25220346450805664, 0.0, 18.59832000732422],
            ],
        ),
    ),
    "while": (
        while_loss,
        {"i": np.array([1], np.float32), **VECTORS},
        (
            66.45865,
            [
                [38.52288818359375],
                [-3.4266271591186523, 0.0, 3.5857882499694824],
                [2.475231647491455, 15.104276657104492, 11.80610466003418],
            ],
        ),
    ),
    "then": (then_loss, {"x": ramp(3), **VECTORS}, None),
    "else": (else_loss, {"x": ramp(3), **VECTORS}, None),
    "nested": (nested_loss, {"x": ramp(2, 4, 3), **VECTORS}, None),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def on_tape(name, dtype=np.float32):
    """Value and gradients by the tape."""
    loss, arguments, _ = LOSSES[name]
    arrays = [nd.array(value, dtype=dtype) for value in arguments.values()]
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        value = loss(nd.contrib, nd, *arrays)
    value.backward()
    return value.asnumpy(), [array.grad.asnumpy() for array in arrays]


def in_executor(name, dtype=np.float32, grad_req="write", runs=1):
    """Value and gradients by an executor; the gradients begin as ones."""
    loss, arguments, _ = LOSSES[name]
    symbol = loss(mx.sym.contrib, mx.sym, *(mx.sym.var(key) for key in arguments))
    arrays = {key: nd.array(value, dtype=dtype) for key, value in arguments.items()}
    grads = {key: nd.ones(array.shape, dtype=dtype) for key, array in arrays.items()}
    executor = symbol.bind(mx.cpu(), arrays, grads, grad_req)
    for _ in range(runs):
        (value,) = executor.forward(is_train=True)
        executor.backward([nd.ones(value.shape, dtype=dtype)])
    return value.asnumpy(), [grads[key].asnumpy() for key in arguments]


@every_loss
@pytest.mark.parametrize("compute", [on_tape, in_executor])
def test_gives_the_numbers_of_mxnet(name, compute):
    expected = LOSSES[name][2] or on_tape(name)
    value, grads = compute(name)
    np.testing.assert_allclose(value, expected[0], rtol=1e-5)
    for grad, wished in zip(grads, expected[1], strict=True):
        np.testing.assert_allclose(grad, wished, rtol=1e-4, atol=1e-5)


@every_loss
def test_executor_gives_what_the_tape_gives_in_float64(name):
    value, grads = in_executor(name, np.float64)
    wished, wished_grads = on_tape(name, np.float64)
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, wished, rtol=1e-12)
    for grad, wished_grad in zip(grads, wished_grads, strict=True):
        np.testing.assert_allclose(grad, wished_grad, rtol=1e-10, atol=1e-12)


@every_loss
def test_a_second_run_gives_the_same(name):
    for first, second in zip(in_executor(name)[1], in_executor(name, runs=2)[1], strict=True):
        np.testing.assert_array_equal(first, second)


@every_loss
def test_gradients_are_added_where_asked(name):
    _, once = in_executor(name)
    _, added = in_executor(name, grad_req="add", runs=2)
    for grad, total in zip(once, added, strict=True):
        np.testing.assert_allclose(total, 1 + 2 * grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "while"])  # its condition has a jump
def test_numerical_gradient(name):
    loss, arguments, _ = LOSSES[name]
    symbol = loss(mx.sym.contrib, mx.sym, *(mx.sym.var(key) for key in arguments))
    mx.test_utils.check_numeric_gradient(
        symbol,
        {key: value.astype(np.float64) for key, value in arguments.items()},
        numeric_eps=1e-5,
        rtol=1e-5,
        atol=1e-8,
        dtype=np.float64,
    )


@every_loss
def test_cached_op_gives_what_the_tape_gives(name):
    loss, arguments, _ = LOSSES[name]
    symbol = loss(mx.sym.contrib, mx.sym, *(mx.sym.var(key) for key in arguments))
    call = nd.CachedOp(symbol)
    arrays = [nd.array(arguments[key]) for key in symbol.list_inputs()]
    for array in arrays:
        array.attach_grad()
    for training in (True, False):
        with mx.autograd.record(train_mode=training):
            value = call(*arrays)
        value.backward()
        wished, wished_grads = on_tape(name)
        np.testing.assert_allclose(value.asnumpy(), wished, rtol=1e-5)
        for key, array in zip(symbol.list_inputs(), arrays, strict=True):
            np.testing.assert_allclose(
                array.grad.asnumpy(), wished_grads[list(arguments).index(key)], rtol=1e-4, atol=1e-5
            )


@pytest.mark.parametrize("contrib", ["nd", "sym"])
def test_outputs_behind_the_last_step_are_zero(contrib):
    cond, func = (lambda i: i < 3), (lambda i: (i, i + 1))
    if contrib == "nd":
        out, last = nd.contrib.while_loop(cond, func, nd.array([1]), 4)
    else:
        symbols = mx.sym.contrib.while_loop(cond, func, mx.sym.var("i"), 4)
        out, last = mx.sym.Group(list(symbols)).bind(mx.cpu(), {"i": nd.array([1])}).forward()
    assert out.asnumpy().tolist() == [[1], [2], [0], [0]]
    assert last.asnumpy().tolist() == [3]


def test_no_step():
    out, last = nd.contrib.while_loop(lambda i: i > 3, lambda i: (i, i + 1), nd.array([1]), 4)
    assert out == []
    assert last.asnumpy().tolist() == [1]
    symbols = mx.sym.contrib.while_loop(lambda i: i > 3, lambda i: (i * 2, i * 3), mx.sym.var("i"), 4)
    executor = mx.sym.Group(list(symbols)).simple_bind(mx.cpu(), i=(1,))
    out, last = executor.forward(is_train=True, i=nd.array([1]))
    assert out.asnumpy().tolist() == [[0]] * 4
    assert last.asnumpy().tolist() == [1]
    executor.backward([nd.ones((4, 1)), nd.array([5])])
    assert executor.grad_dict["i"].asnumpy().tolist() == [5]


def test_integers_count_and_index():
    x, i = mx.sym.var("x"), mx.sym.var("i")
    out, last = mx.sym.contrib.while_loop(
        lambda i: i < 3, lambda i: (mx.sym.take(x, i).squeeze(axis=0) * 2, i + 1), i, max_iterations=3
    )
    executor = mx.sym.Group([out, last]).bind(
        mx.cpu(), {"x": nd.array(ramp(4, 2)), "i": nd.array([1], dtype="int64")}, {"x": nd.zeros((4, 2))}
    )
    out, last = executor.forward(is_train=True)
    np.testing.assert_array_equal(out.asnumpy(), [*(ramp(4, 2)[1:3] * 2), [0, 0]])
    assert last.dtype == np.int64
    executor.backward([nd.ones((3, 2)), nd.zeros((1,), dtype="int64")])
    assert executor.grad_dict["x"].asnumpy().tolist() == [[0, 0], [2, 2], [2, 2], [0, 0]]


def test_a_slice_of_a_vector_has_one_axis():
    out, states = mx.sym.contrib.foreach(lambda d, s: (d * s, s * 2), mx.sym.var("x"), mx.sym.var("s"))
    executor = mx.sym.Group([out, states]).simple_bind(mx.cpu(), x=(3,), s=(1,))
    out, last = executor.forward(is_train=True, x=nd.array([1, 2, 3]), s=nd.array([1]))
    assert out.asnumpy().tolist() == [[1], [4], [12]]
    assert last.asnumpy().tolist() == [8]
    executor.backward([nd.ones((3, 1)), nd.zeros((1,))])
    assert executor.grad_dict["x"].asnumpy().tolist() == [1, 2, 4]
