"""Bodies with operators that have states, draw random numbers, or remember something for their way back."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


def unrolled(body, x, states, length):
    """The loop as a graph without one."""
    outputs = []
    for part in mx.sym.split(x, num_outputs=length, axis=0, squeeze_axis=True):
        output, states = body(part, states)
        outputs.append(output)
    return mx.sym.Group([mx.sym.stack(*outputs, axis=0), *states])


def compare(body, arguments, aux=(), length=3):
    """Values, gradients and auxiliary states of a loop, and of the same loop unrolled; all must be equal."""
    out, states = mx.sym.contrib.foreach(body, mx.sym.var("x"), [mx.sym.var("s")])
    looped = mx.sym.Group([out, *states])
    straight = unrolled(body, mx.sym.var("x"), [mx.sym.var("s")], length)
    found = []
    for symbol in (looped, straight):
        arrays = {key: nd.array(value) for key, value in {**arguments, **dict(aux)}.items()}
        grads = {key: nd.zeros(array.shape) for key, array in arrays.items() if key in arguments}
        states = {key: arrays[key] for key in symbol.list_auxiliary_states()}
        executor = symbol.bind(mx.cpu(), arrays, grads, aux_states=states)
        for _ in range(2):
            outputs = executor.forward(is_train=True)
            executor.backward([nd.array(np.arange(o.size).reshape(o.shape) / o.size) for o in outputs])
        found.append([*outputs, *grads.values(), *(arrays[key] for key in dict(aux))])
    for ours, wished in zip(*found, strict=True):
        np.testing.assert_allclose(ours.asnumpy(), wished.asnumpy(), rtol=1e-4, atol=1e-5)


def test_batch_norm_moves_its_statistics_each_step():
    variables = {key: mx.sym.var(f"bn_{key}") for key in ("gamma", "beta", "moving_mean", "moving_var")}

    def body(d, s):
        y = mx.sym.BatchNorm(d, name="bn", fix_gamma=False, **variables)
        return y * s[0], [s[0] + y]

    rng = np.random.default_rng(1)
    aux = {"bn_moving_mean": np.zeros(2), "bn_moving_var": np.ones(2)}
    arguments = {"x": rng.normal(size=(3, 4, 2)), "s": np.ones((4, 2)), "bn_gamma": [1, 2], "bn_beta": [0, 1]}
    compare(body, arguments, aux.items())


def test_a_cached_op_moves_the_statistics_of_a_body():
    def body(d, s):
        return mx.sym.BatchNorm(d, name="bn", momentum=0.5), s

    out, _ = mx.sym.contrib.foreach(body, mx.sym.var("x"), [mx.sym.var("s")])
    call = nd.CachedOp(out)
    arrays = {"x": nd.array([[[1], [3]], [[5], [7]]]), "s": nd.zeros((1,)), "bn_moving_mean": nd.zeros((1,))}
    with mx.autograd.train_mode():
        for _ in range(2):
            call(*(arrays.get(key, nd.ones((1,))) for key in out.list_inputs()))
    mean = 0
    for of_step in (2, 6, 2, 6):
        mean = mean * 0.5 + of_step * 0.5
    assert arrays["bn_moving_mean"].asscalar() == mean


@pytest.mark.parametrize(
    "body",
    [
        lambda d, s: (mx.sym.Pooling(d * s[0], kernel=(2, 2), pool_type="max"), [s[0] + d]),
        lambda d, s: (mx.sym.LeakyReLU(d * s[0], act_type="leaky"), [s[0].reshape((1, 2, 3, 3)) - d]),
        lambda d, s: (mx.sym.softmax(d * s[0]).flatten(), [mx.sym.transpose(s[0] * d, axes=(0, 1, 3, 2))]),
    ],
)
def test_what_backward_needs_is_kept_for_each_step(body):
    rng = np.random.default_rng(2)
    compare(body, {"x": rng.normal(size=(3, 1, 2, 3, 3)), "s": rng.normal(size=(1, 2, 3, 3))})


def test_states_may_change_places():
    x, a, b = (mx.sym.var(name) for name in "xab")
    _, states = mx.sym.contrib.foreach(lambda d, s: ([], [s[1], s[0] * d]), x, [a, b])
    executor = mx.sym.Group(states).simple_bind(mx.cpu(), x=(3, 1), a=(1,), b=(1,))
    values = {"x": nd.array([[2], [3], [5]]), "a": nd.array([7]), "b": nd.array([11])}
    assert [o.asscalar() for o in executor.forward(is_train=True, **values)] == [11 * 3, 7 * 2 * 5]
    executor.backward([nd.array([1]), nd.array([1])])
    assert {k: g.asnumpy().ravel().tolist() for k, g in executor.grad_dict.items()} == {
        "x": [35, 11, 14],
        "a": [10],
        "b": [3],
    }


def test_dropout_draws_anew_and_remembers():
    out, _ = mx.sym.contrib.foreach(lambda d, s: (mx.sym.Dropout(d, p=0.5), s), mx.sym.var("x"), [mx.sym.var("s")])
    executor = out.simple_bind(mx.cpu(), x=(50, 20), s=(1,))
    mx.random.seed(3)
    (y,) = executor.forward(is_train=True, x=nd.ones((50, 20)))
    masks = y.asnumpy()
    assert set(np.unique(masks)) == {0, 2}
    assert len({mask.tobytes() for mask in masks}) == 50
    executor.backward([nd.ones((50, 20))])
    np.testing.assert_array_equal(executor.grad_dict["x"].asnumpy(), masks)
    assert (executor.forward(is_train=False)[0].asnumpy() == 1).all()


class Remembering(mx.operator.CustomOp):
    """Multiplies by a number that it remembers for its way back."""

    created = 0

    def __init__(self):
        super().__init__()
        Remembering.created += 1

    def forward(self, is_train, req, in_data, out_data, aux):
        self.factor = in_data[0].asnumpy().max()
        self.assign(out_data[0], req[0], in_data[0] * float(self.factor))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0] * float(self.factor))


@mx.operator.register("control_flow_remembering")
class RememberingProp(mx.operator.CustomOpProp):
    def create_operator(self, ctx, shapes, dtypes):
        return Remembering()


def test_custom_operators_remember_each_step():
    def body(d, s):
        return mx.sym.Custom(d, op_type="control_flow_remembering"), s

    out, _ = mx.sym.contrib.foreach(body, mx.sym.var("x"), [mx.sym.var("s")])
    executor = out.simple_bind(mx.cpu(), x=(3, 2), s=(1,))
    executor.forward(is_train=True, x=nd.array([[1, 2], [3, 4], [5, 6]]))
    executor.backward([nd.ones((3, 2))])
    assert executor.grad_dict["x"].asnumpy().tolist() == [[2, 2], [4, 4], [6, 6]]


def test_bodies_are_compiled_once_per_mode(monkeypatch):
    from mxtrain.executor import body as module

    compiled = []
    original = module.compile_graph
    monkeypatch.setattr(module, "compile_graph", lambda *a, **k: compiled.append(1) or original(*a, **k))
    out, _ = mx.sym.contrib.foreach(lambda d, s: (d * s, s), mx.sym.var("x"), mx.sym.var("s"))
    executor = out.simple_bind(mx.cpu(), x=(5, 2), s=(2,))
    for _ in range(3):
        executor.forward(is_train=True)
        executor.backward([nd.ones((5, 2))])
    assert len(compiled) == 1
    for _ in range(3):
        executor.forward(is_train=False)
    assert len(compiled) == 2


def test_an_evaluation_between_forward_and_backward_changes_nothing():
    out, _ = mx.sym.contrib.foreach(lambda d, s: (d * d * s, s), mx.sym.var("x"), mx.sym.var("s"))
    executor = out.simple_bind(mx.cpu(), x=(2, 1), s=(1,))
    executor.forward(is_train=True, x=nd.array([[1], [2]]), s=nd.array([1]))
    executor.forward(is_train=False)
    executor.backward([nd.ones((2, 1))])
    assert executor.grad_dict["x"].asnumpy().tolist() == [[2], [4]]


def test_a_recorded_loop_has_a_symbol():
    out, _ = mx.sym.contrib.foreach(lambda d, s: (d * s, s), mx.sym.var("x"), mx.sym.var("s"))
    x, s = nd.array([[1, 2], [3, 4]]), nd.array([5, 6])
    x.attach_grad()
    with mx.autograd.record():
        y = nd.CachedOp(out, [("is_dynamic", True)])(x, s)
    symbol = mx.autograd.get_symbol(y)
    (again,) = symbol.bind(mx.cpu(), dict(zip(symbol.list_arguments(), (x, s), strict=True)), grad_req="null").forward()
    np.testing.assert_array_equal(again.asnumpy(), [[5, 12], [15, 24]])
    y.backward()
    np.testing.assert_array_equal(x.grad.asnumpy(), [[5, 6], [5, 6]])


def test_values_that_a_body_computes_again_draw_the_same_numbers(monkeypatch):
    def body(d, s):
        y = mx.sym.Activation(mx.sym.Dropout(mx.sym.relu(d * s[0]), p=0.5) * 1.5, act_type="tanh")
        return y * d, [s[0] + y]

    out, states = mx.sym.contrib.foreach(body, mx.sym.var("x"), [mx.sym.var("s")])
    rng = np.random.default_rng(0)
    values = {"x": nd.array(rng.random((5, 4, 3))), "s": nd.array(rng.random((4, 3)))}
    found = []
    for mirror in ("0", "1"):
        monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", mirror)
        executor = mx.sym.Group([out, *states]).simple_bind(mx.cpu(), x=(5, 4, 3))
        mx.random.seed(3)
        outputs = executor.forward(is_train=True, **values)
        executor.backward([nd.ones(output.shape) for output in outputs])
        found.append([array.asnumpy() for array in (*outputs, *executor.grad_dict.values())])
    for kept, repeated in zip(*found, strict=True):
        assert kept.any()
        np.testing.assert_array_equal(kept, repeated)
