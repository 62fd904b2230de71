"""Checks of symbols: each passes for a right one and fails for a planted mistake."""

import logging

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain import test_utils as tu
from mxtrain.base import ArgumentError, ArgumentTypeError

X, Y = mx.sym.var("x"), mx.sym.var("y")
HALF_A_GRADIENT = mx.sym.BlockGrad(X) * X  # its gradient should be twice what backward says


class Wrong(mx.operator.CustomOp):
    """The identity, with a gradient that is wrong in one element."""

    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0])

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        grad = out_grad[0].asnumpy()
        grad[0] *= 1.05
        self.assign(in_grad[0], req[0], nd.array(grad))


@mx.operator.register("test_utils_wrong")
class WrongProp(mx.operator.CustomOpProp):
    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Wrong()


class TestNumericGradient:
    """`check_numeric_gradient` and `numeric_grad`."""

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize(
        ("symbol", "location"),
        [
            (X * X * X, [np.random.RandomState(0).rand(2, 2)]),
            (mx.sym.Group([X * Y, mx.sym.tanh(X)]), {"y": np.ones((2, 3)), "x": np.full((2, 3), 0.3)}),
            (mx.sym.FullyConnected(X, num_hidden=2, name="f"), [np.eye(2, 3), np.ones((2, 3)), np.zeros(2)]),
        ],
    )
    def test_right_gradients_pass(self, symbol, location, dtype):
        tu.check_numeric_gradient(symbol, location, rtol=1e-2, atol=1e-3, dtype=dtype)

    @pytest.mark.parametrize("symbol", [HALF_A_GRADIENT, mx.sym.Custom(X, op_type="test_utils_wrong")])
    def test_wrong_ones_fail(self, symbol):
        with pytest.raises(AssertionError, match=r"NUMERICAL_x=.*BACKWARD_x="):
            tu.check_numeric_gradient(symbol, [np.random.RandomState(1).rand(3) + 0.5], rtol=1e-2)

    @pytest.mark.parametrize("req", ["write", "add", "null"])
    def test_requests(self, req):
        location = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
        tu.check_numeric_gradient(X * Y, location, grad_nodes={"x": req, "y": "write"}, rtol=1e-2)

    def test_only_named_arguments_are_checked(self):
        tu.check_numeric_gradient(HALF_A_GRADIENT + Y, [np.ones(2), np.ones(2)], grad_nodes=["y"])
        with pytest.raises(AssertionError):
            tu.check_numeric_gradient(HALF_A_GRADIENT + Y, [np.ones(2), np.ones(2)], grad_nodes=["x"])

    def test_states_are_put_back_before_every_run(self):
        symbol = mx.sym.BatchNorm(X, fix_gamma=False, momentum=0.0, name="bn")
        location = {"x": np.random.RandomState(2).rand(6, 2), "bn_gamma": np.ones(2), "bn_beta": np.ones(2)}
        states = {"bn_moving_mean": np.zeros(2), "bn_moving_var": np.ones(2)}
        tu.check_numeric_gradient(symbol, location, states, numeric_eps=1e-2, rtol=5e-2, atol=1e-2)

    def test_gradients_by_finite_differences(self):
        executor = (X * X).simple_bind(mx.cpu(), x=(3,), type_dict={"x": "float64"})
        found = tu.numeric_grad(executor, {"x": np.array([1.0, 2.0, 3.0])}, dtype=np.float64)
        np.testing.assert_allclose(found["x"], [2, 4, 6], rtol=1e-6)

    @pytest.mark.parametrize(
        ("act", "error", "words"),
        [
            (lambda: tu.check_numeric_gradient(X, [np.ones(1)], dtype=np.int32), ArgumentTypeError, "int32"),
            (lambda: tu.check_numeric_gradient(X, {"z": np.ones(1)}), ArgumentError, "'z'"),
            (lambda: tu.check_numeric_gradient(X * Y, {"x": np.ones(1)}), ArgumentError, "'y'"),
            (lambda: tu.check_numeric_gradient(X, []), ArgumentError, "expected 1 values"),
        ],
    )
    def test_mistakes_are_named(self, act, error, words):
        with pytest.raises(error, match=words):
            act()


class TestSymbolicForward:
    """`check_symbolic_forward`."""

    def test_outputs_by_order_and_by_name(self):
        outputs = tu.check_symbolic_forward(X * 2, [np.ones(3)], [np.full(3, 2.0)])
        assert outputs[0].asnumpy().tolist() == [2, 2, 2]
        group = mx.sym.Group([X * 2, mx.sym.negative(X, name="n")])
        tu.check_symbolic_forward(group, {"x": np.ones(3)}, {"n_output": -np.ones(3)})

    def test_wrong_outputs_fail(self):
        with pytest.raises(AssertionError, match=r"EXPECTED_n_output=3.*FORWARD_n_output=-1"):
            tu.check_symbolic_forward(mx.sym.negative(X, name="n"), [np.ones(3)], [np.full(3, 3.0)])

    def test_states(self):
        symbol = mx.sym.BatchNorm(X, eps=0.0, name="bn")
        states = {"bn_moving_mean": np.ones(2), "bn_moving_var": np.full(2, 4.0)}
        location = [np.full((3, 2), 5.0), np.ones(2), np.zeros(2)]
        tu.check_symbolic_forward(symbol, location, [np.full((3, 2), 2.0)], aux_states=states)


class TestSymbolicBackward:
    """`check_symbolic_backward`."""

    @pytest.mark.parametrize("grad_req", ["write", "add", "null", ["add", "write"], {"x": "add", "y": "null"}])
    def test_right_gradients_pass(self, grad_req):
        location = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
        heads = [np.array([1.0, 10.0])]
        tu.check_symbolic_backward(X * Y, location, heads, [[3, 40], [1, 20]], grad_req=grad_req)

    def test_gradients_by_name_and_further_head_gradients(self):
        expected = {"x": np.array([6.0])}
        grads = tu.check_symbolic_backward(X * X, {"x": np.array([3.0])}, [np.ones(1), np.ones(1)], expected)
        assert grads["x"].asscalar() == 6

    @pytest.mark.parametrize("grad_req", ["write", "add"])
    def test_wrong_gradients_fail(self, grad_req):
        with pytest.raises(AssertionError, match=r"EXPECTED_x=.*BACKWARD_x="):
            tu.check_symbolic_backward(X * 2, [np.ones(3)], [np.ones(3)], [np.full(3, 3.0)], grad_req=grad_req)

    def test_loss_layers(self):
        symbol = mx.sym.SoftmaxOutput(X, name="s")
        tu.check_symbolic_backward(symbol, [np.zeros((1, 2)), np.ones(1)], None, {"x": [[0.5, -0.5]]})


class TestConsistency:
    """`check_consistency`."""

    def settings(self, *kinds):
        return [{"ctx": mx.cpu(), "x": (4, 3), "type_dict": {"x": kind}} for kind in kinds]

    def test_dtypes_and_contexts_agree(self):
        found = tu.check_consistency(mx.sym.tanh(X * 2, name="t"), self.settings("float64", "float32", "float16"))
        assert set(found) == {"t_output", "x"}
        assert found["t_output"].dtype == np.float64
        settings = [{"ctx": mx.cpu(i), "x": (4, 3)} for i in range(2)]
        tu.check_consistency(mx.sym.FullyConnected(X, num_hidden=2), settings, use_uniform=True, scale=0.5)

    def test_symbols_that_mean_the_same_agree(self):
        with mx.name.NameManager():
            method, function = X.abs(name="a"), mx.sym.abs(X, name="a")
        tu.check_consistency([method, function], self.settings("float32", "float32"))

    @pytest.mark.parametrize(("grad_req", "wrong"), [("null", 2.01), ("write", 2.01)])
    def test_symbols_that_do_not_fail(self, grad_req, wrong, caplog):
        symbols = [mx.sym.broadcast_mul(X, mx.sym.full((1, 1), value), name="m") for value in (2, wrong)]
        with pytest.raises(AssertionError, match="m_output"):
            tu.check_consistency(symbols, self.settings("float32", "float32"), grad_req=grad_req)
        with caplog.at_level(logging.ERROR):
            tu.check_consistency(symbols, self.settings("float32", "float32"), grad_req=grad_req, raise_on_err=False)
        assert "m_output" in caplog.text

    def test_gradients_that_differ_fail(self):
        symbols = [mx.sym.identity(X, name="i"), mx.sym.identity(mx.sym.BlockGrad(X), name="i")]
        with pytest.raises(AssertionError, match="RECEIVED_x"):
            tu.check_consistency(symbols, self.settings("float32", "float32"))

    def test_a_given_truth(self):
        truth = {"d_output": nd.full((4, 3), 2), "x": nd.full((4, 3), 2)}
        options = {"arg_params": {"x": np.ones((4, 3))}, "ground_truth": truth}
        symbol = mx.sym.elemwise_add(X, X, name="d")
        with pytest.raises(AssertionError, match="RECEIVED_x"):  # the head gradient is the output, 2
            tu.check_consistency(symbol, self.settings("float32"), **options)
        truth["x"][:] = 4
        tu.check_consistency(symbol, self.settings("float32"), **options)

    def test_mistakes_are_named(self):
        with pytest.raises(ArgumentError, match="two settings"):
            tu.check_consistency(X, self.settings("float32"))
        with pytest.raises(AssertionError, match="equal arguments and outputs"):
            tu.check_consistency([mx.sym.sin(X), mx.sym.cos(X)], self.settings("float32", "float32"))


def test_simple_forward():
    assert tu.simple_forward(X * 2, x=np.ones(3)).tolist() == [2, 2, 2]
    both = tu.simple_forward(mx.sym.Group([X, X + 1]), x=np.ones(1))
    assert [part.tolist() for part in both] == [[1], [2]]


@pytest.mark.parametrize("typ", ["whole", "forward"])
def test_speed_is_a_time(typ):
    assert 0 < tu.check_speed(X * 2, typ=typ, N=3, x=(4, 4)) < 60
    assert 0 < tu.check_speed(X * 2, {"x": np.ones(3)}, typ=typ, N=2) < 60
    with pytest.raises(ArgumentError, match="half"):
        tu.check_speed(X * 2, typ="half", x=(1,))


def test_structures():
    one = mx.sym.Activation(mx.sym.FullyConnected(X, num_hidden=2, name="a"), act_type="relu")
    other = mx.sym.Activation(mx.sym.FullyConnected(Y, num_hidden=3, name="b"), act_type="tanh")
    assert tu.same_symbol_structure(one, other)
    assert not tu.same_symbol_structure(one, mx.sym.FullyConnected(one, num_hidden=1))
    assert not tu.same_symbol_structure(X - Y, (X - Y)(x=Y))
