"""Products of sparse matrices against scipy.sparse, and against NumPy alone."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import mxtrain as mx
from mxtrain import nd
from mxtrain.ops.kernels.sparse import compiled

SIZES = st.integers(1, 40)


def random_matrix(rows, columns, density, seed, dtype=np.float32):
    return scipy.sparse.random(rows, columns, density, "csr", dtype, np.random.default_rng(seed))


@pytest.fixture(params=[True, False], ids=["compiled", "numpy"], scope="module")
def with_or_without_scipy(request):
    with pytest.MonkeyPatch.context() as patch:
        if not request.param:
            patch.setattr(compiled, "is_available", lambda: False)
        yield


@settings(max_examples=40, deadline=None)
@given(rows=SIZES, columns=SIZES, width=SIZES, density=st.floats(0, 1), seed=st.integers(0, 99))
def test_with_dense_matrices(with_or_without_scipy, rows, columns, width, density, seed):
    sparse = random_matrix(rows, columns, density, seed)
    rng = np.random.default_rng(seed)
    right = rng.random((columns, width)).astype(np.float32)
    head = rng.random((rows, width)).astype(np.float32)
    matrix = nd.array(sparse)
    np.testing.assert_allclose(nd.dot(matrix, nd.array(right)).asnumpy(), sparse @ right, rtol=1e-5, atol=1e-6)
    by_rows = nd.dot(matrix, nd.array(head), transpose_a=True)
    assert by_rows.stype == "row_sparse"
    by_rows.check_format()
    assert by_rows.indices.asnumpy().tolist() == sorted(set(sparse.indices.tolist()))
    np.testing.assert_allclose(by_rows.asnumpy(), sparse.T @ head, rtol=1e-5, atol=1e-6)
    left = nd.dot(nd.array(head.T), matrix)
    assert left.stype == "csr"
    np.testing.assert_allclose(left.asnumpy(), head.T @ sparse, rtol=1e-5, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(rows=SIZES, columns=SIZES, densities=st.tuples(st.floats(0, 1), st.floats(0, 1)), seed=st.integers(0, 99))
def test_sums_and_products_of_elements(with_or_without_scipy, rows, columns, densities, seed):
    first, second = (random_matrix(rows, columns, density, seed + i) for i, density in enumerate(densities))
    a, b = nd.array(first), nd.array(second)
    for result, expected in ((a + b, first + second), (a - b, first - second), (a * b, first.multiply(second))):
        assert result.stype == "csr"
        result.check_format()
        np.testing.assert_allclose(result.asnumpy(), expected.toarray(), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "bfloat16"])
@pytest.mark.usefixtures("with_or_without_scipy")
def test_element_types(dtype):
    sparse = random_matrix(20, 30, 0.3, 0)
    sparse.data = np.ceil(sparse.data * 4)
    matrix = nd.array(sparse).astype(dtype)
    right = nd.ones((30, 3), dtype=dtype)
    product = nd.dot(matrix, right)
    assert product.dtype == right.dtype
    expected = (sparse @ np.ones((30, 3))).astype(np.float64)
    np.testing.assert_allclose(product.astype("float64").asnumpy(), expected, rtol=1e-2)


def test_vectors():
    matrix = nd.array(np.eye(3) * [1, 2, 3]).tostype("csr")
    np.testing.assert_array_equal(nd.dot(matrix, nd.array([1, 1, 2])).asnumpy(), [1, 2, 6])
    transposed = nd.dot(matrix, nd.array([1, 1, 2]), transpose_a=True)
    assert (transposed.stype, transposed.shape) == ("row_sparse", (3,))


@pytest.mark.usefixtures("with_or_without_scipy")
def test_wide_row_sparse_factors_read_only_their_rows():
    matrix = nd.sparse.csr_matrix(([1.0, 2.0, 3.0], [5, 900_000, 7], [0, 2, 3]), shape=(2, 1_000_000))
    rows = nd.sparse.row_sparse_array(([[1.0], [10.0]], [5, 900_000]), shape=(1_000_000, 1))
    np.testing.assert_array_equal(nd.dot(matrix, rows).asnumpy(), [[21], [0]])


def test_factors_that_do_not_fit():
    matrix = nd.ones((3, 4)).tostype("csr")
    with pytest.raises(mx.MXNetError, match="summed axes of one size"):
        nd.dot(matrix, nd.ones((3, 2)))
    with pytest.raises(mx.MXNetError, match="dtype"):
        nd.dot(matrix, nd.ones((4, 2), dtype="float64"))


@pytest.mark.parametrize(
    ("indices", "indptr"), [([0, 9, 1], [0, 2, 3]), ([0, -1, 1], [0, 2, 3]), ([0, 1, 1], [0, 4, 3])]
)
@pytest.mark.parametrize("transpose", [False, True])
def test_bad_indices_never_reach_compiled_loops(indices, indptr, transpose):
    broken = nd.sparse.csr_matrix(([1.0, 2.0, 3.0], indices, indptr), shape=(2, 4))
    with pytest.raises(mx.MXNetError, match="check_format"):
        nd.dot(broken, nd.ones((2 if transpose else 4, 3)), transpose_a=transpose)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_reductions(reduce):
    sparse = random_matrix(7, 5, 0.4, 1)
    matrix, dense = nd.array(sparse), nd.array(sparse.toarray())
    for options in ({}, {"axis": 0}, {"axis": 1}, {"axis": (0, 1)}, {"axis": 1, "keepdims": True}, {"axis": -1}):
        result = getattr(matrix, reduce)(**options)
        assert result.stype == "default"
        np.testing.assert_allclose(result.asnumpy(), getattr(dense, reduce)(**options).asnumpy(), rtol=1e-5)
    for stype in ("csr", "row_sparse"):
        np.testing.assert_allclose(dense.tostype(stype).norm().asnumpy(), dense.norm().asnumpy(), rtol=1e-6)


def test_square_sum():
    values = np.array([[1, 2, 0], [0, 0, 0], [3, 0, 4]], np.float32)
    rows = nd.array(values).tostype("row_sparse")
    summed = nd._internal._square_sum(rows, axis=1, keepdims=True)
    assert (summed.stype, summed.indices.asnumpy().tolist()) == ("row_sparse", [0, 2])
    np.testing.assert_array_equal(summed.asnumpy(), [[5], [0], [25]])


def test_getnnz_and_edge_id():
    matrix = nd.array([[0.5, 0, 0.25], [0, 0, 0], [0, 0, 0.75]]).tostype("csr")
    assert nd.contrib.getnnz(matrix).asnumpy().tolist() == [3]
    assert nd.contrib.getnnz(matrix, axis=1).asnumpy().tolist() == [2, 0, 1]
    edges = nd.contrib.edge_id(matrix, nd.array([0, 0, 2, 1]), nd.array([0, 1, 2, 0]))
    assert edges.asnumpy().tolist() == [0.5, -1, 0.75, -1]
    with pytest.raises(IndexError, match=r"\[0, 3\)"):
        nd.contrib.edge_id(matrix, nd.array([3]), nd.array([0]))
