"""Operators and functions that older scripts call; facts of MXNet 1.9.1."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


def test_scatter_set_nd_writes_parts_of_its_target():
    indices = nd.array([[0, 1], [2, 0]])
    target = nd.ones((2, 3))
    result = nd._internal._scatter_set_nd(target, nd.array([5, 6]), indices, shape=(2, 3), out=target)
    assert result is target
    assert target.asnumpy().tolist() == [[1, 1, 5], [6, 1, 1]]
    kept = nd.ones((2, 3))
    assert nd._internal._scatter_set_nd(kept, nd.array([5, 6]), indices, shape=(2, 3)).asnumpy()[0, 2] == 5
    assert (kept.asnumpy() == 1).all()


@pytest.mark.parametrize(
    ("rhs", "indices", "shape"),
    [([5, 6], [[0, 7], [2, 0]], (2, 3)), ([5, 6, 7], [[0, 1], [2, 0]], (2, 3)), ([5, 6], [[0, 1], [2, 0]], (3, 2))],
)
def test_scatter_set_nd_refuses_without_writing(rhs, indices, shape):
    target = nd.ones((2, 3))
    with pytest.raises(mx.MXNetError, match="_scatter_set_nd"):
        nd._internal._scatter_set_nd(target, nd.array(rhs), nd.array(indices), shape=shape, out=target)
    assert (target.asnumpy() == 1).all()


def test_onehot_encode():
    assert nd._internal._onehot_encode(nd.array([1, 0]), nd.zeros((2, 3))).asnumpy().tolist() == [[0, 1, 0], [1, 0, 0]]
    with pytest.raises(mx.MXNetError, match="_onehot_encode"):
        nd._internal._onehot_encode(nd.array([1, 0]), nd.zeros((3, 3)))


def test_names_of_parameters():
    assert nd._internal._Hypot(nd.array([3]), nd.array([4])).asscalar() == 5
    assert nd.power(base=nd.array([2]), exp=3).asscalar() == 8
    a, b = mx.sym.var("a"), mx.sym.var("b")

    class Kind(mx.sym.Symbol):
        pass

    assert type(mx.sym.Group([a, b], create_fn=Kind)) is Kind
    assert mx.sym.var("a").split_v2(2).infer_shape(a=(4, 2))[1] == [(2, 2), (2, 2)]

    class Array(nd.NDArray):
        pass

    values = np.ones((2,), np.float32)
    assert type(nd.from_numpy(values, zero_copy=False, array_cls=Array)) is Array
    shared = nd.from_numpy(values, array_cls=Array)
    shared[0] = 5
    assert type(shared) is Array
    assert values[0] == 5


def test_what_symbols_lack(caplog):
    a = mx.sym.var("a")
    with pytest.raises(mx.MXNetError, match="gradient"):
        a.gradient(["a"])
    with pytest.raises(mx.MXNetError, match="reset_arrays"):
        mx.sym.reset_arrays(a, num_arrays=1)
    assert a.get_backend_symbol("MKLDNN") is a
    with pytest.raises(mx.MXNetError, match="'nope'"):
        a.get_backend_symbol("nope")
    assert a.optimize_for("nope") is a
    assert "nope" in caplog.text


def test_storage_types_of_custom_operators_are_dense():
    prop = mx.operator.CustomOpProp()
    assert prop.infer_storage_type(["default"]) == (["default"], ["default"], [])
    dense = ["default"]
    assert prop.infer_storage_type_backward(dense, dense, dense, dense, []) == (dense, dense, dense, dense, [])
    with pytest.raises(mx.MXNetError, match="csr"):
        prop.infer_storage_type(["csr"])
