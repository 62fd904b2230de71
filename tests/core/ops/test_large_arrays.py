"""Element-wise operators on large arrays: computed in blocks, bit for bit what one call gives."""

import numpy as np
import operator_cases as support
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain.device import threads
from mxtrain.ops import operators
from mxtrain.ops.kernels import blocks
from mxtrain.ops.large_arrays import NAME
from mxtrain.ops.parameters import Params

ELEMENTWISE = [
    pytest.param(op, case, kernel, id=f"{op.name}-{number}")
    for op in operators()
    for kernel in op.kernels
    if kernel.name == NAME
    for number, case in enumerate(op.cases)
]


@pytest.fixture
def tiny_blocks(monkeypatch):
    """Blocks of two elements."""
    monkeypatch.setattr(blocks, "ELEMENTS", 2)
    monkeypatch.setattr(blocks, "_MOST_ELEMENTS", 2)
    previous = threads.set_num_threads(3)
    yield
    threads.set_num_threads(previous)


@pytest.mark.usefixtures("tiny_blocks")
@pytest.mark.parametrize(("op", "case", "kernel"), ELEMENTWISE)
def test_blocks_equal_the_whole(op, case, kernel):
    example = support.make_example(op, case, np.float32)
    if kernel.when(example.arrays, Params(**example.params)):
        with np.errstate(all="ignore"):
            (found,), (wished,) = support.run_plain(example, kernel.forward), support.run_plain(example)
        assert found.dtype == wished.dtype
        np.testing.assert_array_equal(found, wished)


def test_most_elementwise_operators_take_part():
    names = {param.values[0].name for param in ELEMENTWISE}
    assert len(names) > 100
    assert {"exp", "broadcast_add", "_plus_scalar", "Activation", "LeakyReLU", "Cast", "where", "add_n"} <= names


@pytest.mark.parametrize("number", [1, 2, 5])
def test_large_arrays_through_the_front(number):
    random = np.random.RandomState(3)
    x, y = random.randn(3, 300_001).astype("f"), random.rand(3, 300_001).astype("f")
    previous = threads.set_num_threads(number)
    try:
        a, b, row = nd.array(x), nd.array(y), nd.array(y[:1])
        out = nd.empty(x.shape)
        assert nd.elemwise_add(a, b, out=out) is out
        np.testing.assert_array_equal(out.asnumpy(), x + y)
        np.testing.assert_array_equal((a * row).asnumpy(), x * y[:1])
        np.testing.assert_array_equal((a > b).asnumpy(), (x > y).astype("f"))
        np.testing.assert_array_equal(a.astype("float16").asnumpy(), x.astype("float16"))
        a += 1
        np.testing.assert_array_equal(a.asnumpy(), x + 1)
    finally:
        threads.set_num_threads(previous)


def test_mistakes_are_named_as_for_small_arrays():
    large, other = nd.ones((2, 300_000)), nd.ones((1, 300_000))
    with pytest.raises(mx.base.MXNetError, match=r"elemwise_add.*\(2, 300000\).*\(1, 300000\)"):
        nd.elemwise_add(large, other)
    with pytest.raises(mx.base.MXNetError, match=r"broadcast_add.*float32.*float64"):
        nd.broadcast_add(large, large.astype("float64"))


def test_results_of_a_graph_are_those_of_the_operators():
    x = np.random.RandomState(0).randn(2, 200_000).astype("f")
    symbol = mx.sym.sigmoid(mx.sym.var("x") * 2 + 1)
    executor = symbol.simple_bind(mx.cpu(), x=x.shape)
    executor.arg_dict["x"][:] = x
    np.testing.assert_array_equal(executor.forward()[0].asnumpy(), nd.sigmoid(nd.array(x) * 2 + 1).asnumpy())
