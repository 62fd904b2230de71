"""Random numbers in graphs: `mx.sym.random`."""

import numpy as np
import pytest

import mxtrain as mx


def run(symbol, **arrays):
    mx.random.seed(3)
    executor = symbol.bind(mx.cpu(), {name: mx.nd.array(values) for name, values in arrays.items()}, grad_req="null")
    return [output.asnumpy() for output in executor.forward()]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("uniform", (2, 5)),
        ("normal", (1, 3)),
        ("gamma", (2, 3)),
        ("exponential", (2,)),
        ("poisson", (4,)),
        ("negative_binomial", (3, 0.5)),
        ("generalized_negative_binomial", (3, 0.5)),
        ("randint", (0, 9)),
    ],
)
def test_the_same_numbers_as_imperatively(name, parameters):
    symbol = getattr(mx.sym.random, name)(*parameters, shape=(3, 4))
    found = run(symbol)[0]
    mx.random.seed(3)
    expected = getattr(mx.nd.random, name)(*parameters, shape=(3, 4)).asnumpy()
    np.testing.assert_array_equal(found, expected)
    again = mx.sym.load_json(symbol.tojson())
    np.testing.assert_array_equal(run(again)[0], expected)


def test_each_run_draws_anew():
    executor = mx.sym.random.uniform(shape=(5,)).bind(mx.cpu(), {})
    first = executor.forward()[0].asnumpy()
    assert (executor.forward()[0].asnumpy() != first).any()


def test_parameters_that_are_symbols():
    symbol = mx.sym.random.normal(mx.sym.var("mu"), mx.sym.var("sigma"), shape=2)
    assert symbol.list_arguments() == ["mu", "sigma"]
    drawn = run(symbol, mu=[0, 100], sigma=[0, 0])[0]
    np.testing.assert_array_equal(drawn, [[0, 0], [100, 100]])
    with pytest.raises(TypeError, match="uniform"):
        mx.sym.random.uniform(mx.sym.var("low"), 3)


def test_multinomial_and_shuffle():
    picked = mx.sym.random.multinomial(mx.sym.var("p"), shape=4)
    np.testing.assert_array_equal(run(picked, p=[0, 1])[0], [1, 1, 1, 1])
    shuffled = run(mx.sym.random.shuffle(mx.sym.var("data")), data=[3, 1, 2])[0]
    np.testing.assert_array_equal(sorted(shuffled), [1, 2, 3])
    assert run(mx.sym.random.randn(2, 3))[0].shape == (2, 3)
