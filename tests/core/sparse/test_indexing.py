"""Parts of sparse arrays, and assignment to them."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd, nd

DENSE = np.array([[0.5, 0, 0.25], [0, 0, 0], [0, 0, 0.75]], np.float32)


@pytest.fixture
def matrix():
    return nd.array(DENSE).tostype("csr")


@pytest.mark.parametrize(
    "key", [slice(1, 3), slice(-2, None), slice(None, 2), slice(1, 99), slice(2, 1), slice(0, 3, 1)]
)
def test_rows_of_csr(matrix, key):
    part = matrix[key]
    assert part.stype == "csr"
    part.check_format()
    np.testing.assert_array_equal(part.asnumpy(), DENSE[key])


def test_one_row_stays_a_matrix(matrix):
    assert matrix[0].shape == matrix[-1].shape == (1, 3)
    np.testing.assert_array_equal(matrix[-1].asnumpy(), DENSE[-1:])
    assert [row.asnumpy().tolist() for row in matrix] == [[row] for row in DENSE.tolist()]
    assert matrix[:] is matrix


@pytest.mark.parametrize("key", [slice(None, None, 2), (0, 1), [0, 1], "a"])
def test_other_keys_are_refused(matrix, key):
    with pytest.raises(ValueError, match="rows with step 1"):
        matrix[key]


@pytest.mark.parametrize("key", [3, -4])
def test_rows_that_are_not_there(matrix, key):
    with pytest.raises(IndexError, match=r"\[-3, 3\)"):
        matrix[key]


def test_boxes(matrix):
    box = nd.slice(matrix, begin=(0, -2), end=(2, None))
    assert box.stype == "csr"
    box.check_format()
    np.testing.assert_array_equal(box.asnumpy(), DENSE[0:2, -2:])
    assert nd.slice(matrix, begin=(0,), end=(3,), step=(2,)).stype == "default"


def test_row_sparse_has_only_everything():
    rows = nd.array(DENSE).tostype("row_sparse")
    assert rows[:] is rows
    for key in (0, slice(0, 1)):
        with pytest.raises(ValueError, match="retain"):
            rows[key]


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
@pytest.mark.parametrize("value_stype", ["default", "csr", "row_sparse", "numpy"])
def test_assignment(stype, value_stype):
    array = nd.zeros((3, 3), stype=stype)
    container = array.storage
    array[:] = DENSE if value_stype == "numpy" else nd.array(DENSE).tostype(value_stype)
    assert array.storage is container
    np.testing.assert_array_equal(array.asnumpy(), DENSE)
    array.check_format()


def test_a_number_fills_row_sparse_only():
    rows = nd.zeros((2, 2), stype="row_sparse")
    rows[:] = 4
    np.testing.assert_array_equal(rows.asnumpy(), np.full((2, 2), 4))
    with pytest.raises(ValueError, match="the number 3"):
        nd.zeros((2, 2), stype="csr")[:] = 3


@pytest.mark.parametrize("value", [np.ones((3, 2)), nd.ones((3, 2)), nd.ones((3, 2)).tostype("csr")])
def test_values_of_another_shape_are_refused(value):
    for stype in ("csr", "row_sparse"):
        array = nd.array(DENSE).tostype(stype)
        with pytest.raises(ValueError, match="of shape"):
            array[:] = value
        np.testing.assert_array_equal(array.asnumpy(), DENSE)


def test_only_the_whole_is_assigned(matrix):
    with pytest.raises(ValueError, match=r"\[:\] = value"):
        matrix[0] = 1


def test_recorded_arrays_are_not_assigned(matrix):
    matrix.attach_grad()
    with autograd.record(), pytest.raises(mx.MXNetError, match="Inplace"):
        matrix[:] = nd.zeros((3, 3))


def test_dense_memory_is_out_of_reach(matrix):
    with pytest.raises(mx.MXNetError, match=r"Expected: a dense array\. Received: a csr one of shape \(3, 3\)"):
        _ = matrix.data_array
    with pytest.raises(mx.MXNetError, match="not supported for sparse"):
        matrix.reshape((9,))


def test_retain():
    rows = nd.array(DENSE).tostype("row_sparse")
    for indices in ([0, 1], [1, 0, 0]):
        kept = rows.retain(nd.array(indices))
        assert kept.indices.asnumpy().tolist() == [0, 1]  # what is asked for is stored, zeros or not
        np.testing.assert_array_equal(kept.data.asnumpy(), DENSE[:2])
    assert rows.retain(nd.array([], dtype="int64")).indices.shape == (0,)
    with pytest.raises(IndexError, match=r"\[0, 3\)"):
        rows.retain(nd.array([5]))


def test_take_rows(matrix):
    for mode, expected in (("clip", [0, 2, 0]), ("wrap", [0, 2, 2])):
        taken = nd.take(matrix, nd.array([0, 5, -1]), mode=mode)
        assert taken.stype == "csr"
        taken.check_format()
        np.testing.assert_array_equal(taken.asnumpy(), DENSE[expected])
    assert nd.take(matrix, nd.array([0, 2]), axis=1).stype == "default"
    with pytest.raises(mx.MXNetError, match="indices of one axis"):
        nd.take(matrix, nd.array([[0, 1], [1, 2]]))


def test_values_on_their_way():
    rows = nd.zeros((3, 3), stype="row_sparse")
    calls = []

    def wait():
        calls.append(1)
        rows.raw_buffer.take(nd.array(DENSE).tostype("row_sparse").storage)

    rows.defer(wait)
    assert rows.shape == (3, 3)
    assert not calls
    np.testing.assert_array_equal((rows * 2).asnumpy(), DENSE * 2)
    assert calls == [1]
    rows.defer(wait)
    nd.waitall()
    rows.wait_to_read()
    assert calls == [1, 1]
