"""MXNet's older way of operators in Python: NumpyOp and NDArrayOp."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


class NumpySoftmax(mx.operator.NumpyOp):
    def __init__(self):
        super().__init__(need_top_grad=False)

    def list_arguments(self):
        return ["data", "label"]

    def infer_shape(self, in_shape):
        return [in_shape[0], (in_shape[0][0],)], [in_shape[0]]

    def forward(self, in_data, out_data):
        x = in_data[0]
        out_data[0][:] = np.exp(x - x.max(axis=1, keepdims=True))
        out_data[0][:] /= out_data[0].sum(axis=1, keepdims=True)

    def backward(self, out_grad, in_data, out_data, in_grad):
        in_grad[0][:] = out_data[0]
        in_grad[0][np.arange(len(in_data[1])), in_data[1].astype(int)] -= 1


class NDArraySquare(mx.operator.NDArrayOp):
    def forward(self, in_data, out_data):
        out_data[0][:] = in_data[0] * in_data[0]

    def backward(self, out_grad, in_data, out_data, in_grad):
        in_grad[0][:] = out_grad[0] * in_data[0] * 2


@pytest.mark.parametrize("base", [mx.operator.NumpyOp, mx.operator.NDArrayOp])
def test_the_base_classes_copy(base):
    symbol = base().get_symbol(mx.sym.var("x"), name="copied")
    assert symbol.list_outputs() == ["copied_output"]
    executor = symbol.simple_bind(mx.cpu(), x=(3,))
    assert executor.forward(is_train=True, x=nd.array([1, 2, 3]))[0].asnumpy().tolist() == [1, 2, 3]
    executor.backward(nd.ones(3))
    assert executor.grad_dict["x"].asnumpy().tolist() == [1, 1, 1]


def test_on_numpy_arrays():
    symbol = NumpySoftmax()(data=mx.sym.var("data"), name="softmax")
    assert symbol.list_arguments() == ["data", "softmax_label"]
    executor = symbol.simple_bind(mx.cpu(), data=(2, 2))
    executor.arg_dict["softmax_label"][:] = nd.array([0, 1])
    executor.forward(is_train=True)
    executor.backward()
    assert executor.grad_dict["data"].asnumpy().tolist() == [[-0.5, 0.5], [0.5, -0.5]]


def test_on_ndarrays():
    executor = NDArraySquare()(mx.sym.var("x")).simple_bind(mx.cpu(), x=(2,))
    assert executor.forward(is_train=True, x=nd.array([3, 4]))[0].asnumpy().tolist() == [9, 16]
    executor.backward(nd.array([1, 10]))
    assert executor.grad_dict["x"].asnumpy().tolist() == [6, 80]
    assert NDArraySquare().declare_backward_dependency([0], [1], [2]) == [0, 1, 2]
