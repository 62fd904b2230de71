"""Classes drawn from the Zipfian distribution."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


def probabilities(range_max):
    classes = np.arange(range_max)
    return np.log((classes + 2) / (classes + 1)) / np.log(range_max + 1)


@pytest.mark.parametrize("world", ["nd", "sym"])
def test_rand_zipfian_draws_small_classes_more_often(world):
    true = nd.array([0, 3, 19], dtype="int32")
    mx.random.seed(4)
    if world == "nd":
        drawn, of_true, of_drawn = nd.contrib.rand_zipfian(true, 20000, 20)
    else:
        symbol = mx.sym.Group(list(mx.sym.contrib.rand_zipfian(mx.sym.var("true"), 20000, 20)))
        drawn, of_true, of_drawn = symbol.bind(mx.cpu(), {"true": true}, grad_req="null").forward()
    assert (drawn.dtype, of_true.dtype, of_drawn.dtype) == (np.int64, np.float64, np.float64)
    expected = probabilities(20) * 20000
    np.testing.assert_allclose(of_true.asnumpy(), expected[[0, 3, 19]])
    np.testing.assert_allclose(of_drawn.asnumpy(), expected[drawn.asnumpy()])
    counts = np.bincount(drawn.asnumpy(), minlength=20)
    np.testing.assert_allclose(counts, expected, atol=4 * np.sqrt(expected.max()))


def test_unique_classes_and_how_long_they_took():
    mx.random.seed(4)
    classes, tries = nd._internal._sample_unique_zipfian(1000, shape=(3, 500))
    for row, count in zip(classes.asnumpy(), tries.asnumpy(), strict=True):
        assert len(np.unique(row)) == 500
        assert 500 < count < 5000
        assert row.min() >= 0
        assert row.max() < 1000
    assert len({row.tobytes() for row in classes.asnumpy()}) == 3
    classes, tries = nd._internal._sample_unique_zipfian(4, shape=(1, 4))
    assert sorted(classes.asnumpy()[0]) == [0, 1, 2, 3]


def test_the_same_seed_gives_the_same_classes():
    drawn = []
    for _ in range(2):
        mx.random.seed(9)
        drawn.append([part.asnumpy().tolist() for part in nd._internal._sample_unique_zipfian(100, shape=(2, 30))])
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(("range_max", "shape"), [(3, (1, 4)), (3, (2,)), (0, (1, 1)), (3, (0, 1))])
def test_impossible_draws_are_refused(range_max, shape):
    with pytest.raises(mx.MXNetError, match=r"_sample_unique_zipfian.*shape"):
        nd._internal._sample_unique_zipfian(range_max, shape=shape)


def test_numbers_without_a_shape_take_the_one_that_their_use_asks_for():
    symbol = mx.sym.random.randn(loc=10, scale=0.5) + mx.sym.var("x")
    assert symbol.infer_shape(x=(3, 4))[1] == [(3, 4)]
    assert mx.sym.random.normal().infer_shape() == (None, None, None)
    (y,) = symbol.bind(mx.cpu(), {"x": nd.zeros((100, 100))}, grad_req="null").forward()
    assert abs(y.asnumpy().mean() - 10) < 0.1
    assert abs(y.asnumpy().std() - 0.5) < 0.1
    assert nd.random.normal().shape == (1,)
