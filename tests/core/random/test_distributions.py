"""Draws have the moments of their distribution, and the shapes and dtypes of MXNet 1.9.1."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

COUNT = 100_000
# name, parameters, mean and variance
MOMENTS = [
    ("uniform", {"low": -1.0, "high": 3.0}, 1.0, 16 / 12),
    ("normal", {"loc": 2.0, "scale": 3.0}, 2.0, 9.0),
    ("gamma", {"alpha": 2.5, "beta": 0.5}, 1.25, 0.625),
    ("gamma", {"alpha": 0.5, "beta": 2.0}, 1.0, 2.0),
    ("exponential", {"scale": 4.0}, 4.0, 16.0),
    ("poisson", {"lam": 3.5}, 3.5, 3.5),
    ("negative_binomial", {"k": 4, "p": 0.4}, 6.0, 15.0),
    ("generalized_negative_binomial", {"mu": 3.0, "alpha": 0.4}, 3.0, 3 + 0.4 * 9),
    ("generalized_negative_binomial", {"mu": 3.0, "alpha": 0.0}, 3.0, 3.0),
    ("randint", {"low": -2, "high": 5}, 1.0, 4.0),
]


@pytest.fixture(autouse=True)
def seeded():
    mx.random.seed(11)


def check_moments(values, mean, variance):
    """Five standard errors of the mean, and a tenth of the variance."""
    assert abs(values.mean(dtype=np.float64) - mean) < 5 * np.sqrt(variance / values.size)
    assert abs(values.var(dtype=np.float64) - variance) < 0.1 * variance


@pytest.mark.parametrize(("name", "parameters", "mean", "variance"), MOMENTS)
def test_moments(name, parameters, mean, variance):
    check_moments(getattr(nd.random, name)(**parameters, shape=(COUNT,)).asnumpy(), mean, variance)


@pytest.mark.parametrize(("name", "parameters", "mean", "variance"), [row for row in MOMENTS if row[0] != "randint"])
def test_moments_of_many_distributions_at_once(name, parameters, mean, variance):
    arrays = {key: nd.array([value, value]) for key, value in parameters.items()}
    drawn = getattr(nd.random, name)(**arrays, shape=(COUNT,))
    assert drawn.shape == (2, COUNT)
    check_moments(drawn.asnumpy()[0], mean, variance)
    assert (drawn.asnumpy()[0] != drawn.asnumpy()[1]).any()


def test_each_distribution_has_its_parameters():
    drawn = nd.random.normal(nd.array([[0, 100], [200, 300]]), nd.array([[0, 0], [0, 0]]), shape=(2, 3))
    assert drawn.shape == (2, 2, 2, 3)
    np.testing.assert_array_equal(drawn.asnumpy()[:, :, 0, 0], [[0, 100], [200, 300]])
    assert nd.random.uniform(nd.array([0, 10]), nd.array([1, 11])).shape == (2,)


@pytest.mark.parametrize("name", ["uniform", "normal", "exponential", "gamma", "poisson", "negative_binomial"])
def test_shapes_and_dtypes(name):
    function = getattr(nd.random, name)
    assert function().shape == (1,)
    assert function(shape=3).shape == (3,)
    assert function(shape=(2, 3)).dtype == np.float32
    assert function(shape=(2,), dtype="float64").dtype == np.float64
    assert function(shape=(2,), dtype="float16").dtype == np.float16
    out = nd.zeros((2, 3), dtype="float64")
    assert function(out=out) is out
    like = getattr(nd.random, f"{name}_like")(nd.zeros((4, 2)))
    assert like.shape == (4, 2)


def test_aliases():
    for function in (nd.uniform, nd.random_uniform, nd.normal, nd.random_normal, nd.random_gamma, nd.random_poisson):
        assert function(shape=(2, 3)).shape == (2, 3)
    assert nd.sample_uniform(nd.array([0]), nd.array([1]), shape=2).shape == (1, 2)
    assert mx.random.uniform(0, 1, shape=(2,)).shape == (2,)
    assert nd.random.randn(2, 3).shape == (2, 3)
    assert nd.random.randn(2, loc=nd.array([0, 1]), scale=nd.array([1, 1])).shape == (2, 2)


def test_uniform_stays_within_its_bounds():
    values = nd.random.uniform(2, 3, shape=(COUNT,)).asnumpy()
    assert values.min() >= 2
    assert values.max() < 3 + 1e-6
    assert len(np.unique(values)) > COUNT * 0.9


def test_randint():
    values = nd.random.randint(-2, 5, shape=(COUNT,))
    assert values.dtype == np.int32
    assert set(values.asnumpy()) == set(range(-2, 5))
    assert nd.random.randint(0, 2**40, shape=(2,), dtype="int64").dtype == np.int64


def test_on_another_context():
    assert nd.random.uniform(shape=(2,), ctx=mx.cpu(1)).context == mx.cpu(1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: nd.random.uniform(1, 0),
        lambda: nd.random.normal(0, -1),
        lambda: nd.random.exponential(-4),
        lambda: nd.random.gamma(-1, 1),
        lambda: nd.random.poisson(-1),
        lambda: nd.random.negative_binomial(1, 0),
        lambda: nd.random.randint(5, 5),
        lambda: nd.random.randint(0, 5, dtype="float32"),
        lambda: nd.random.uniform(shape=(-1,)),
        lambda: nd.random.uniform(nd.array([0]), 1),
        lambda: nd.random.normal(nd.array([0]), nd.array([-1])),
        lambda: nd.random.uniform(nd.array([0, 1]), nd.array([2])),
        lambda: nd.random.normal(float("nan"), float("nan")),
        lambda: nd.random.multinomial(nd.array([0.0, 0.0])),
        lambda: nd.random.multinomial(nd.array([-1.0, 2.0])),
    ],
)
def test_parameters_outside_of_their_range(call):
    with pytest.raises(mx.MXNetError, match="xpected"):
        call()
