"""Large draws: the same numbers with every number of threads, of the right distribution, from independent streams."""

import math
import statistics

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain.device import threads

SHAPE = (1100, 1000)
DRAWS = {
    "uniform": lambda **options: nd.random.uniform(-1, 3, shape=SHAPE, **options),
    "normal": lambda **options: nd.random.normal(2, 3, shape=SHAPE, **options),
    "exponential": lambda **options: nd.random.exponential(4, shape=SHAPE, **options),
    "gamma": lambda **options: nd.random.gamma(1.0, 4.0, shape=SHAPE, **options),
    "poisson": lambda **options: nd.random.poisson(1.0, shape=SHAPE, **options),
    "randint": lambda **options: nd.random.randint(-5, 7, shape=SHAPE),
    "dropout": lambda **options: nd.Dropout(nd.ones(SHAPE), p=0.3, mode="always"),
}
# the value below which a share of the numbers lies
QUANTILES = {
    "uniform": lambda share: -1 + 4 * share,
    "normal": statistics.NormalDist(2, 3).inv_cdf,
    "exponential": lambda share: -4 * math.log1p(-share),
    "gamma": lambda share: -4 * math.log1p(-share),  # of shape 1
}


def drawn(name, number, **options):
    previous = threads.set_num_threads(number)
    mx.random.seed(21)
    try:
        return DRAWS[name](**options).asnumpy()
    finally:
        threads.set_num_threads(previous)


@pytest.mark.parametrize("name", DRAWS)
def test_the_number_of_threads_does_not_matter(name):
    first = drawn(name, 1)
    for number in (2, 5):
        np.testing.assert_array_equal(drawn(name, number), first)
    second = DRAWS[name]().asnumpy()
    assert (second != first).mean() > 0.3  # the generator has gone on


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", QUANTILES)
def test_quantiles(name, dtype):
    numbers = drawn(name, 2, dtype=dtype)
    assert numbers.dtype == dtype
    assert np.isfinite(numbers).all()
    numbers = np.sort(numbers.astype(np.float64).reshape(-1))
    for share in (1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999):
        below = np.searchsorted(numbers, QUANTILES[name](share)) / numbers.size
        error = math.sqrt(share * (1 - share) / numbers.size)
        assert abs(below - share) < 5 * error + (2e-3 if dtype == "float16" else 0), share


def test_neighbours_and_parts_are_uncorrelated():
    normal = drawn("normal", 2).reshape(-1).astype(np.float64)
    normal = (normal - 2) / 3
    part = 1 << 18
    for distance in (1, 2, part // 2, part, 2 * part):
        correlation = (normal[:-distance] * normal[distance:]).mean()
        assert abs(correlation) < 5 / math.sqrt(normal.size - distance), distance
    squares = normal**2 - 1
    half = part // 2  # two numbers share their distance and their angle
    assert abs((squares[:half] * squares[half : 2 * half]).mean()) < 5 * 2 / math.sqrt(half)


def test_integers_and_masks():
    integers = drawn("randint", 2)
    assert integers.dtype == np.int32
    counts = np.bincount(integers.reshape(-1) + 5)
    assert len(counts) == 12
    assert np.abs(counts - integers.size / 12).max() < 5 * math.sqrt(integers.size / 12)
    mask = drawn("dropout", 2)
    assert set(np.unique(mask).tolist()) == {0.0, np.float32(1 / 0.7)}
    assert abs((mask == 0).mean() - 0.3) < 5 * math.sqrt(0.21 / mask.size)
    wide = nd.random.randint(-(2**40), 2**40, shape=SHAPE, dtype="int64").asnumpy()
    assert np.abs(wide).max() > 2**39


@pytest.mark.parametrize("size", [4095, 4096, 4097, 300_001])
@pytest.mark.parametrize("name", ["uniform", "normal", "exponential"])
def test_sizes_around_the_limits(name, size):
    out = nd.full((size,), -99.0)
    assert getattr(nd.random, name)(shape=(size,), out=out) is out
    values = out.asnumpy()
    assert (values != -99).all()
    assert len(np.unique(values)) > 0.98 * size
