"""Random shapes, arrays and matrices, and the statistics that check generators."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain import test_utils as tu
from mxtrain.base import ArgumentError


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(11)


def test_shapes():
    for _ in range(50):
        assert all(1 <= n <= 3 for n in tu.rand_shape_nd(4, dim=3))
        assert len(tu.rand_shape_nd(4, dim=3)) == 4
        rows, columns = tu.rand_shape_2d(2, 5)
        assert 1 <= rows <= 2
        assert 1 <= columns <= 5
        assert len(tu.rand_shape_3d(2, 2, 2)) == 3
        x, y = tu.rand_coord_2d(0, 3, 4, 9)
        assert 0 <= x < 3
        assert 4 <= y < 9
    assert 0 in {n for _ in range(50) for n in tu.rand_shape_2d(2, 2, allow_zero_size=True)}


def test_arrays():
    single = tu.random_arrays((2, 3))
    assert (single.shape, single.dtype) == ((2, 3), np.float32)
    assert [array.shape for array in tu.random_arrays((2,), (3,))] == [(2,), (3,)]
    assert np.shape(tu.random_arrays(())) == ()
    (even,) = tu.random_uniform_arrays((1000,), low=3, high=4, dtype="float64")
    assert 3 <= even.min() < 3.1 < 3.9 < even.max() < 4
    assert even.dtype == np.float64
    with pytest.raises(ArgumentError, match="middle"):
        tu.random_uniform_arrays((1,), middle=3)


def test_ndarrays():
    array = tu.rand_ndarray((20, 30), ctx=mx.cpu(1), dtype="float64")
    assert (array.shape, array.dtype, array.context) == ((20, 30), np.float64, mx.cpu(1))
    assert abs(tu.rand_ndarray((100, 100), distribution="uniform").asnumpy()).max() <= 1
    assert (tu.rand_ndarray((3, 3), modifier_func=lambda x: 7).asnumpy() == 7).all()
    assert tu.rand_ndarray((2, 2), "csr").stype == "csr"


def test_samples_and_functions_of_elements():
    assert sorted(tu.random_sample([1, 2, 3], 3)) == [1, 2, 3]
    assert tu.assign_each(np.array([1.0, 2.0]), lambda x: x * 2).tolist() == [2, 4]
    assert tu.assign_each(np.array([1.0, 2.0]), None).tolist() == [1, 2]
    assert tu.assign_each2(np.array([1.0, 2.0]), np.array([3.0, 4.0]), lambda x, y: x * y).tolist() == [3, 8]
    assert tu.assign_each2(np.array([1.0]), np.array([3.0]), None).tolist() == [1]
    assert tu.create_vector(3).asnumpy().tolist() == [0, 1, 2]
    assert tu.create_2d_tensor(2, 3).asnumpy().tolist() == [[0, 0, 0], [1, 1, 1]]


def test_matrices():
    assert tu.get_identity_mat(2).asnumpy().tolist() == [[1, 0], [0, 1]]
    assert tu.get_identity_mat_batch(3).shape == (2, 3, 3)
    q = tu.new_orthonormal_matrix_2d(4)
    np.testing.assert_allclose(q.T @ q, np.eye(4), atol=1e-12)
    for matrix in tu.new_matrix_with_real_eigvals_nd((2, 4, 4)):
        np.testing.assert_allclose(np.sort(np.linalg.eigvals(matrix).real), [1, 2, 3, 4], rtol=1e-6)
    for matrix in tu.new_sym_matrix_with_real_eigvals_nd((2, 3, 3)):
        np.testing.assert_allclose(matrix, matrix.T)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("keepdims", [True, False])
def test_reductions(axis, keepdims):
    data = np.random.rand(2, 3, 4)
    np.testing.assert_allclose(tu.np_reduce(data, axis, keepdims, np.sum), data.sum(axis=axis, keepdims=keepdims))


def test_sums_that_undo_a_broadcast():
    assert tu.collapse_sum_like(np.ones((2, 3, 4)), (3, 1)).tolist() == [[8], [8], [8]]


def test_generators():
    buckets, probs = tu.gen_buckets_probs_with_ppf(lambda p: p, 5)
    assert buckets[0] == (0, 0.2)
    tu.verify_generator(np.random.rand, buckets, probs, nsamples=20000)
    with pytest.raises(AssertionError, match=r"p > 0\.05"):
        tu.verify_generator(lambda n: np.random.rand(n) ** 1.2, buckets, probs, nsamples=20000)
    tu.verify_generator(lambda n: np.random.randint(0, 3, n), [0, 1, 2], [1 / 3] * 3, nsamples=20000)
    p, observed, _ = tu.chi_square_check(nd.ones, [0, 1], [0.5, 0.5], nsamples=100)
    assert p < 1e-9
    assert observed.tolist() == [0, 100]
    p, _, _ = tu.chi_square_check(lambda n: np.random.randint(0, 3, n), [0, 1], [0.5, 0.5], nsamples=1000)
    assert p == 0  # numbers outside of every bucket
    with pytest.raises(ArgumentError):
        tu.chi_square_check(np.random.rand, buckets, [1.0])


@pytest.mark.parametrize(
    ("statistic", "freedom", "expected"),
    [(3, 1, 0.0832645166635504), (3, 2, 0.22313016014843), (10, 5, 0.0752352461465122), (100, 7, 1.0787979671703e-18)],
)
def test_tails_of_the_chi_square_distribution(statistic, freedom, expected):
    """Expected values: Abramowitz and Stegun's finite sums, evaluated with 30 digits."""
    from mxtrain.test_utils.distributions import chi_square_tail

    assert chi_square_tail(statistic, freedom) == pytest.approx(expected, rel=1e-10)


def test_means_and_variances():
    assert tu.mean_check(lambda n: np.random.normal(2, 3, n), 2, 3, nsamples=20000)
    assert not tu.mean_check(lambda n: np.random.normal(2.2, 3, n), 2, 3, nsamples=20000)
    assert tu.var_check(lambda n: np.random.normal(2, 3, n), 3, nsamples=20000)
    assert not tu.var_check(lambda n: np.random.normal(2, 3.2, n), 3, nsamples=20000)


def test_an_endless_iterator():
    real = mx.io.NDArrayIter(nd.arange(6).reshape((6, 1)), batch_size=2)
    endless = tu.DummyIter(real)
    assert endless.provide_data == real.provide_data
    assert [next(endless).data[0].asnumpy().tolist() for _ in range(4)] == [[[0], [1]]] * 4


def test_optimizers_are_compared():
    tu.compare_optimizer(mx.optimizer.SGD(learning_rate=0.1), mx.optimizer.SGD(learning_rate=0.1), (3, 4), "float32")
    with pytest.raises(AssertionError):
        tu.compare_optimizer(
            mx.optimizer.SGD(learning_rate=0.1), mx.optimizer.SGD(learning_rate=0.2), (3, 4), "float32"
        )
    shapes = [(2, 3), (4,)]
    one, other = (mx.optimizer.SGD(learning_rate=0.1, momentum=m) for m in (0.9, 0.9))
    tu.compare_optimizer(one, other, shapes, "float32", ntensors=2)
