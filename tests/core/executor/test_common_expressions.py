"""The pass that computes only once what a graph computes several times."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain.executor.common_expressions import eliminate_common_expressions
from mxtrain.symbol import Symbol

A, B, C = mx.sym.var("a"), mx.sym.var("b"), mx.sym.var("c")
D = A + 1


def num_nodes(symbol):
    return len(symbol.get_internals())


# symbol, how many nodes fewer there are
CASES = [
    ((A + 1) + (A + 2), 0),
    ((A + B) + (A + B), 1),
    (((A + B) + C) + ((A + B) + C), 2),
    (mx.sym.Group([A * D, A * D]), 0),  # two outputs stay apart, by a copy
    (mx.sym.Group([A * D + B, A * D + B]), 1),
    (mx.sym.Dropout(A) + mx.sym.Dropout(A), 0),
    (mx.sym.BatchNorm(A, B, C, name="one")[0] + mx.sym.BatchNorm(A, B, C, name="two")[0], 0),
    (mx.sym.sum(A, axis=0) + mx.sym.sum(A, axis=1), 0),
    (mx.sym.Group([A, A]), 0),
]


@pytest.mark.parametrize(("symbol", "savings"), CASES)
def test_how_much_is_saved(symbol, savings):
    merged = Symbol(eliminate_common_expressions(symbol.heads))
    assert num_nodes(symbol) - num_nodes(merged) == savings
    assert len(merged) == len(symbol)


@pytest.mark.parametrize("grad_req", ["write", "add"])
@pytest.mark.parametrize("symbol", [case[0] for case in CASES[:5]])
def test_the_same_values_and_gradients(symbol, grad_req, monkeypatch):
    values = {name: np.random.RandomState(i).rand(3, 4) for i, name in enumerate(symbol.list_arguments())}

    def run():
        executor = symbol.simple_bind(mx.cpu(), grad_req=grad_req, **dict.fromkeys(values, (3, 4)))
        outputs = executor.forward(is_train=True, **values)
        executor.backward([nd.ones((3, 4))] * len(outputs))
        return [array.asnumpy() for array in (*outputs, *executor.grad_arrays)], num_nodes(
            executor.get_optimized_symbol()
        )

    merged, count = run()
    monkeypatch.setenv("MXNET_ELIMINATE_COMMON_EXPR", "0")
    plain, plain_count = run()
    assert count <= plain_count == num_nodes(symbol)
    for one, other in zip(merged, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_outputs_that_became_one_can_be_written_apart():
    executor = mx.sym.Group([A * 2, A * 2]).simple_bind(mx.cpu(), a=(2,))
    executor.forward(is_train=True, a=np.array([1.0, 2.0]))
    executor.outputs[0][:] = 0
    assert executor.outputs[1].asnumpy().tolist() == [2, 4]
    executor.backward([nd.array([1, 1]), nd.array([10, 10])])
    assert executor.grad_dict["a"].asnumpy().tolist() == [22, 22]


def test_the_symbol_itself_stays():
    symbol = (A + B) + (A + B)
    before = symbol.tojson()
    symbol.simple_bind(mx.cpu(), a=(1,), b=(1,))
    assert symbol.tojson() == before
