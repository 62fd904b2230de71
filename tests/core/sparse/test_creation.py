"""How sparse arrays are made, and what is refused."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse

import mxtrain as mx
from mxtrain import nd
from mxtrain.ndarray.sparse import CSRNDArray, RowSparseNDArray

DENSE = np.array([[0.5, 0, 0.25], [0, 0, 0], [0, 0, 0.75]], np.float32)


def parts_of(array):
    indptr = [array.indptr.asnumpy().tolist()] if array.stype == "csr" else []
    return array.data.asnumpy().tolist(), array.indices.asnumpy().tolist(), *indptr


@pytest.mark.parametrize("source", [DENSE, nd.array(DENSE), DENSE.tolist()], ids=["numpy", "nd", "list"])
def test_of_dense_values(source):
    matrix, rows = nd.sparse.csr_matrix(source), nd.sparse.row_sparse_array(source)
    assert (type(matrix), type(rows)) == (CSRNDArray, RowSparseNDArray)
    assert parts_of(matrix) == ([0.5, 0.25, 0.75], [0, 2, 2], [0, 2, 2, 3])
    assert parts_of(rows) == ([[0.5, 0, 0.25], [0, 0, 0.75]], [0, 2])
    assert matrix.indices.dtype == matrix.indptr.dtype == rows.indices.dtype == np.int64
    for array in (matrix, rows):
        np.testing.assert_array_equal(array.asnumpy(), DENSE)
        assert (array.shape, array.ndim, len(array), array.dtype) == ((3, 3), 2, 3, np.float32)
        with pytest.raises(NotImplementedError):
            _ = array.size


def test_of_parts():
    matrix = nd.sparse.csr_matrix(([1, 2, 3], [0, 2, 1], [0, 2, 2, 3]), shape=(3, 4))
    np.testing.assert_array_equal(matrix.asnumpy(), [[1, 0, 2, 0], [0, 0, 0, 0], [0, 3, 0, 0]])
    assert nd.sparse.csr_matrix(([1, 2, 3], [0, 2, 1], [0, 2, 2, 3])).shape == (3, 3)
    rows = nd.sparse.row_sparse_array(([[1, 2], [3, 4]], [1, 3]), shape=(5, 2))
    np.testing.assert_array_equal(rows.asnumpy(), [[0, 0], [1, 2], [0, 0], [3, 4], [0, 0]])
    assert nd.sparse.row_sparse_array(([[1, 2], [3, 4]], [1, 3])).shape == (4, 2)


def test_of_coordinates_in_any_order_values_at_one_place_added():
    coordinates = ([2, 0, 2, 1], [1, 0, 1, 2])
    matrix = nd.sparse.csr_matrix((np.array([3.0, 1.0, 4.0, 5.0]), coordinates), shape=(3, 3))
    assert parts_of(matrix) == ([1, 5, 7], [0, 2, 1], [0, 1, 2, 3])
    matrix.check_format()


def test_element_types_follow_the_source():
    assert nd.sparse.csr_matrix(([1, 2], [0, 1], [0, 1, 2])).dtype == np.float32
    assert nd.sparse.csr_matrix((np.array([1, 2]), [0, 1], [0, 1, 2])).dtype == np.int64
    assert nd.sparse.row_sparse_array((np.ones((1, 2)), [1])).dtype == np.float64
    assert nd.sparse.csr_matrix(np.eye(2), dtype="int32").dtype == np.int32


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_zeros_and_empty(stype):
    for make in (nd.sparse.zeros, nd.sparse.empty):
        array = make(stype, (2, 3), dtype="float64", ctx=mx.cpu(1))
        assert (array.stype, array.dtype, array.context) == (stype, np.float64, mx.cpu(1))
        assert not array.asnumpy().any()
        array.check_format()
    assert nd.zeros((2, 3), stype=stype).stype == nd.empty((2, 3), stype=stype).stype == stype
    assert nd.sparse.zeros("default", (2, 2)).stype == "default"


def test_of_scipy_made_canonical():
    loose = scipy.sparse.csr_matrix(
        (np.array([1.0, 2, 3, 4, 5, 6, 1]), np.array([0, 2, 2, 0, 1, 2, 1]), np.array([0, 2, 3, 7])), shape=(3, 3)
    )
    for make in (nd.sparse.array, nd.array, nd.sparse.csr_matrix):
        matrix = make(loose)
        assert matrix.stype == "csr"
        matrix.check_format()
        assert parts_of(matrix) == ([1, 2, 3, 4, 6, 6], [0, 2, 2, 0, 1, 2], [0, 2, 3, 6])
    back = matrix.asscipy()
    assert (back != loose).nnz == 0
    assert back.dtype == matrix.dtype


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_copies_are_apart(stype):
    array = nd.array(DENSE).tostype(stype)
    others = [
        array.copy(),
        copy.deepcopy(array),
        pickle.loads(pickle.dumps(array)),
        nd.sparse.array(array),
        nd.array(array),
        array.copyto(mx.cpu(1)),
        array.copyto(nd.zeros((3, 3), stype=stype)),
        array.tostype(stype),
        array.astype("float32"),
    ]
    array[:] = nd.zeros((3, 3))
    for other in others:
        assert other.stype == stype
        np.testing.assert_array_equal(other.asnumpy(), DENSE)
    assert array.as_in_context(mx.cpu()) is array
    assert array.astype("float32", copy=False) is array


def test_data_and_indices_are_copies():
    matrix = nd.array(DENSE).tostype("csr")
    matrix.data[:] = 9
    matrix.indices[:] = 0
    np.testing.assert_array_equal(matrix.asnumpy(), DENSE)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nd.sparse.csr_matrix((2, 2), shape=(3, 2)),
        lambda: nd.sparse.row_sparse_array((2, 2), shape=(3, 2)),
        lambda: nd.sparse.csr_matrix(nd.ones((2, 2)), shape=(3, 2)),
        lambda: nd.sparse.csr_matrix(([], [], [0, 0])),
        lambda: nd.sparse.row_sparse_array(([], [])),
        lambda: nd.sparse.csr_matrix(np.ones(3)),
        lambda: nd.sparse.csr_matrix(([1, 2], ([0, 5], [2, 0])), shape=(2, 3)),
        lambda: nd.sparse.csr_matrix(([1, 2], ([0, 1], [2])), shape=(2, 3)),
        lambda: nd.sparse.csr_matrix((1, 2, 3, 4)),
        lambda: nd.sparse.csr_matrix(nd.ones((2, 2)).tostype("row_sparse")),
        lambda: nd.sparse.row_sparse_array(nd.ones((2, 2)).tostype("csr")),
        lambda: nd.sparse.array(np.ones((2, 2))),
        lambda: nd.sparse.zeros("dense", (2, 2)),
        lambda: nd.sparse.zeros("csr", (2,)),
        lambda: nd.ones((3,)).tostype("csr"),
        lambda: nd.ones((2, 2)).tostype("csr").tostype("row_sparse"),
        lambda: nd.ones((2, 2)).tostype("coo"),
    ],
)
def test_what_makes_no_array_is_refused(make):
    with pytest.raises(ValueError, match=r"Expected: .*Received: ") as caught:
        make()
    assert isinstance(caught.value, mx.MXNetError)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (([7, 8, 9], [0, 2, 1], [0, 5, 2, 3]), "does not fall"),
        (([7, 8, 9], [2, 1, 1], [0, 2, 2, 3]), "rising column indices"),
        (([7, 8, 9], [1, 1, 1], [0, 2, 2, 3]), "rising column indices"),
        (([7, 8, 9], [1, 2, 1], [0, 2, 2, 4]), "from 0 to the number of values"),
        (([7, 8, 9], [0, 2, 1], [0, -2, 2, 3]), "does not fall"),
        (([7, 8, 9], [0, 4, 1], [0, 2, 2, 3]), r"column indices in \[0, 4\)"),
        (([7, 8, 9], [0, 2, 1], [0, 2, 3]), "indptr of 4 elements"),
        (([7, 8], [0, 2, 1], [0, 2, 2, 3]), "one column index per value"),
    ],
)
def test_check_format_of_csr(parts, problem):
    matrix = nd.sparse.csr_matrix(parts, shape=(3, 4))
    with pytest.raises(mx.MXNetError, match=problem):
        matrix.check_format()


@pytest.mark.parametrize(
    ("indices", "problem"),
    [
        ([1, 4], r"in \[0, 3\)"),
        ([1, 0], "rising row"),
        ([1, 1], "rising row"),
        ([-2, 1], r"in \[0, 3\)"),
        ([1], "one row"),
    ],
)
def test_check_format_of_row_sparse(indices, problem):
    array = nd.sparse.row_sparse_array(([[1, 2], [3, 4]], indices), shape=(3, 2))
    with pytest.raises(mx.MXNetError, match=problem):
        array.check_format()


def test_columns_are_rising_within_rows_only():
    nd.sparse.csr_matrix(([1, 2, 3], [2, 0, 1], [0, 1, 3, 3]), shape=(3, 3)).check_format()


def test_showing_one():
    assert repr(nd.array(DENSE).tostype("csr")) == "\n<CSRNDArray 3x3 @cpu(0)>"
    assert repr(nd.sparse.zeros("row_sparse", (3, 4, 5))) == "\n<RowSparseNDArray 3x4x5 @cpu(0)>"


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_one_element_is_a_number(stype):
    one = nd.array([[2.0]]).tostype(stype)
    assert (float(one), int(one), bool(one), one.asscalar(), one.item()) == (2.0, 2, True, 2.0, 2.0)
    assert not nd.sparse.zeros(stype, (1, 1))
    with pytest.raises(ValueError, match="one element"):
        bool(nd.ones((2, 2)).tostype(stype))


def test_indices_out_of_range_are_named_when_they_are_followed():
    matrix = nd.sparse.csr_matrix(([1.0, 2.0], [0, 9], [0, 1, 2]), shape=(2, 2))
    rows = nd.sparse.row_sparse_array(([[1.0]], [7]), shape=(2, 1))
    for use in (matrix.asnumpy, rows.asnumpy, matrix.sum, lambda: matrix + nd.ones((2, 2)).tostype("csr")):
        with pytest.raises(mx.MXNetError, match="check_format"):
            use()


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_arrays_without_elements(stype, shape):
    empty = nd.sparse.zeros(stype, shape)
    empty.check_format()
    assert (empty + empty).shape == (empty * 2).shape == empty.tostype("default").shape == shape
    assert nd.dot(empty, nd.array(np.ones((shape[1], 2)))).shape == (shape[0], 2)
    assert empty.norm().asscalar() == 0
