"""Operators written in Python: CustomOp and CustomOpProp, eagerly, in symbols and in executors."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd, nd
from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError, NameLookupError
from mxtrain.test_utils import check_numeric_gradient


class Scaled(mx.operator.CustomOp):
    """scale * data + state; counts its calls in the auxiliary state."""

    def __init__(self, scale):
        self.scale = scale

    def forward(self, is_train, req, in_data, out_data, aux):
        if is_train:
            aux[0][:] += 1
        self.assign(out_data[0], req[0], in_data[0] * self.scale)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0] * self.scale)


@mx.operator.register("test_scaled")
class ScaledProp(mx.operator.CustomOpProp):
    def __init__(self, scale="1.0"):
        super().__init__(need_top_grad=True)
        self.scale = float(scale)

    def list_auxiliary_states(self):
        return ["count"]

    def infer_shape(self, in_shape):
        return in_shape, [in_shape[0]], [(1,)]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Scaled(self.scale)


class Pair(mx.operator.CustomOp):
    """Sum and product of two arrays."""

    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0] + in_data[1])
        self.assign(out_data[1], req[1], in_data[0] * in_data[1])

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0] + out_grad[1] * in_data[1])
        self.assign(in_grad[1], req[1], out_grad[0] + out_grad[1] * in_data[0])


@mx.operator.register("test_pair")
class PairProp(mx.operator.CustomOpProp):
    def list_arguments(self):
        return ["left", "right"]

    def list_outputs(self):
        return ["sum", "product"]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Pair()


class Loss(mx.operator.CustomOp):
    """Softmax whose gradient is that of the cross-entropy, whatever the head gradient."""

    def forward(self, is_train, req, in_data, out_data, aux):
        x = in_data[0].asnumpy()
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.assign(out_data[0], req[0], nd.array(e / e.sum(axis=1, keepdims=True)))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        assert out_grad == []
        y = out_data[0].asnumpy()
        y[np.arange(len(y)), in_data[1].asnumpy().astype(int)] -= 1
        self.assign(in_grad[0], req[0], nd.array(y))


@mx.operator.register("test_softmax")
class LossProp(mx.operator.CustomOpProp):
    def __init__(self):
        super().__init__(need_top_grad=False)

    def list_arguments(self):
        return ["data", "label"]

    def infer_shape(self, in_shape):
        return [in_shape[0], in_shape[0][:1]], [in_shape[0]], []

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Loss()


def test_eagerly_with_a_gradient():
    x, count = nd.array([1.0, 2.0]), nd.zeros(1)
    x.attach_grad()
    with autograd.record():
        y = nd.Custom(x, count, op_type="test_scaled", scale=3)
    y.backward(nd.array([1.0, 10.0]))
    assert y.asnumpy().tolist() == [3, 6]
    assert x.grad.asnumpy().tolist() == [3, 30]
    assert count.asscalar() == 1


def test_several_inputs_and_outputs():
    a, b = nd.array([1.0, 2.0]), nd.array([3.0, 4.0])
    total, product = nd.Custom(a, b, op_type="test_pair")
    assert total.asnumpy().tolist() == [4, 6]
    assert product.asnumpy().tolist() == [3, 8]
    pair = mx.sym.Custom(mx.sym.var("a"), mx.sym.var("b"), op_type="test_pair", name="p")
    assert pair.list_outputs() == ["p_sum", "p_product"]
    check_numeric_gradient(pair, [np.random.rand(2, 2), np.random.rand(2, 2)], rtol=1e-2)


def test_missing_inputs_and_states_become_variables():
    symbol = mx.sym.Custom(op_type="test_scaled", name="s")
    assert (symbol.list_arguments(), symbol.list_auxiliary_states()) == (["s_data"], ["s_count"])
    assert symbol.infer_shape(s_data=(4,)) == ([(4,)], [(4,)], [(1,)])
    executor = symbol.simple_bind(mx.cpu(), s_data=(4,))
    executor.forward(is_train=True)
    executor.forward(is_train=True)
    assert executor.aux_dict["s_count"].asscalar() == 2


def test_a_symbol_with_one_is_stored_and_read():
    symbol = mx.sym.Custom(mx.sym.var("x"), op_type="test_scaled", scale=0.5, name="s")
    loaded = mx.sym.load_json(symbol.tojson())
    assert loaded.tojson() == symbol.tojson()
    executor = loaded.simple_bind(mx.cpu(), x=(2,))
    assert executor.forward(x=nd.array([2, 4]))[0].asnumpy().tolist() == [1, 2]


@pytest.mark.parametrize("grad_req", ["write", "add"])
def test_a_loss_layer_needs_no_head_gradient(grad_req):
    symbol = mx.sym.Custom(mx.sym.var("data"), mx.sym.var("label"), op_type="test_softmax", name="softmax")
    executor = symbol.simple_bind(mx.cpu(), data=(2, 3), grad_req={"data": grad_req})
    executor.arg_dict["label"][:] = nd.array([0, 2])
    executor.forward(is_train=True)
    executor.backward()
    expected = np.full((2, 3), 1 / 3) - np.eye(3)[[0, 2]]
    np.testing.assert_allclose(executor.grad_dict["data"].asnumpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("req", "result"), [("write", [5, 5]), ("inplace", [5, 5]), ("add", [6, 6]), ("null", [1, 1])])
def test_assigning(req, result):
    target = nd.ones(2)
    mx.operator.CustomOp().assign(target, req, nd.array([5.0, 5.0]))
    assert target.asnumpy().tolist() == result
    with pytest.raises(ArgumentError, match="sometimes"):
        mx.operator.CustomOp().assign(target, "sometimes", 1)


def test_its_computation_is_not_recorded_and_modes_come_back():
    seen = []

    class Nosy(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            seen.append(autograd.is_recording())
            self.assign(out_data[0], req[0], in_data[0])

    @mx.operator.register("test_nosy")
    class NosyProp(mx.operator.CustomOpProp):
        def create_operator(self, ctx, in_shapes, in_dtypes):
            return Nosy()

    with autograd.record():
        nd.Custom(nd.ones(1), op_type="test_nosy")
        assert autograd.is_recording()
    assert seen == [False]


def make_prop(name, **methods):
    """A registered CustomOpProp with some methods replaced."""
    return mx.operator.register(name)(type("Prop", (mx.operator.CustomOpProp,), methods))


def test_mistakes_are_named():
    with pytest.raises(NameLookupError, match="never_registered"):
        nd.Custom(nd.ones(1), op_type="never_registered")
    with pytest.raises(ArgumentTypeError, match="subclass of CustomOpProp"):
        mx.operator.register("test_wrong")(int)
    make_prop("test_no_super", __init__=lambda self: None)
    with pytest.raises(ArgumentTypeError, match=r"super\(\).__init__"):
        nd.Custom(nd.ones(1), op_type="test_no_super")
    make_prop("test_no_op", create_operator=lambda self, *_: 3)
    with pytest.raises(MXNetError, match=r"expected a CustomOp\. Received: int"):
        nd.Custom(nd.ones(1), op_type="test_no_op")


def test_an_error_inside_names_the_operator_and_the_node():
    def fail(*_, **__):
        raise ZeroDivisionError("inside")

    operator = type("Failing", (mx.operator.CustomOp,), {"forward": fail})
    make_prop("test_failing", create_operator=lambda self, *_: operator())
    with pytest.raises(MXNetError, match=r"'Custom'.*ZeroDivisionError: inside"):
        nd.Custom(nd.ones(1), op_type="test_failing")
    executor = mx.sym.Custom(mx.sym.var("x"), op_type="test_failing", name="node7").simple_bind(mx.cpu(), x=(1,))
    with pytest.raises(MXNetError, match=r"node7.*ZeroDivisionError: inside"):
        executor.forward()
