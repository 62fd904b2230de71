"""Comparison of arrays: what passes and, above all, what does not."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd
from mxtrain import test_utils as tu

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("a", "b", "options"),
    [
        ([1.0, 2.0], [1.0, 2.0], {}),
        ([1.0, INF, -INF], [1.0, INF, -INF], {}),
        ([1.0, NAN], [1.0, NAN], {"equal_nan": True}),
        ([1.0, 2.0], [1.001, 2.001], {"rtol": 1e-2}),
        ([0.0], [0.09], {"rtol": 0, "atol": 0.1}),
        ([[1.0, 1.0]], [1.0], {}),
        ([1.0], 1, {}),
        ([], [], {}),
    ],
)
def test_what_is_almost_equal(a, b, options):
    assert tu.almost_equal(np.array(a), np.array(b), **options)
    tu.assert_almost_equal(nd.array(a), np.array(b), **options)


@pytest.mark.parametrize(
    ("a", "b", "options"),
    [
        ([1.0, 2.0], [1.0, 2.1], {}),
        ([1.0], [1.0 + 1e-4], {"rtol": 1e-5, "atol": 1e-5}),
        ([1.0, NAN], [1.0, NAN], {}),
        ([1.0, NAN], [1.0, 2.0], {"equal_nan": True}),
        ([INF], [-INF], {}),
        ([INF], [1e30], {"rtol": 10}),
        ([1.0], [INF], {"rtol": 10}),
        ([[1.0, 1.0]], [1.0, 1.0], {"use_broadcast": False}),
        ([1, 2], [1, 3], {}),
        ([0.0], [1e-19], {}),
    ],
)
def test_what_is_not(a, b, options):
    assert not tu.almost_equal(np.array(a), np.array(b), **options)
    with pytest.raises(AssertionError):
        tu.assert_almost_equal(np.array(a), np.array(b), **options)


def test_shapes_that_do_not_broadcast():
    with pytest.raises(ValueError, match="broadcast"):
        tu.assert_almost_equal(np.ones((2, 3)), np.ones(2))
    with pytest.raises(AssertionError, match=r"\(2, 3\).*\(3,\)"):
        tu.checkShapes(np.ones((2, 3)), np.ones(3))


def test_the_message_tells_where_and_how_much():
    a = np.arange(12.0).reshape(3, 4)
    with pytest.raises(AssertionError) as caught:
        tu.assert_almost_equal(a, a + np.diag([1.0, 1, 1], k=0).repeat(1, 0) @ np.eye(3, 4), names=("mine", "yours"))
    message = str(caught.value)
    assert "mismatch 25.000000%, 3 of 12" in message
    assert message.index("(0, 0), mine=0.00000000, yours=1.00000000") < message.index("(1, 1), mine=5.00000000")


def test_only_so_many_errors_are_listed():
    with pytest.raises(AssertionError) as caught:
        tu.assert_almost_equal(np.zeros(30), np.ones(30), mismatches=(2, 2))
    assert str(caught.value).count("Location of error") == 2


def test_a_share_of_errors_may_be_allowed():
    a, b = np.zeros(10), np.zeros(10)
    b[:3] = 1
    tu.assert_almost_equal_with_err(a, b, etol=0.3)
    with pytest.raises(AssertionError):
        tu.assert_almost_equal_with_err(a, b, etol=0.2)


def test_nans_on_either_side_may_be_left_out():
    tu.assert_almost_equal_ignore_nan(np.array([1, NAN, 3]), np.array([1, 2, NAN]))
    with pytest.raises(AssertionError):
        tu.assert_almost_equal_ignore_nan(np.array([1, NAN, 3]), np.array([2, 2, NAN]))


def test_all_close_is_strict():
    tu.assert_allclose(np.ones(2), np.ones(2) + 1e-8)
    with pytest.raises(AssertionError):
        tu.assert_allclose(np.ones(2), np.ones(2) + 1e-6)


def test_sameness():
    assert tu.same(nd.array([1, 2]), [1, 2])
    assert not tu.same(np.array([1, 2]), np.array([1, 3]))
    assert not tu.same(np.array([NAN]), np.array([NAN]))
    assert not tu.same(np.ones((1, 2)), np.ones(2))


def test_shared_memory():
    a = nd.array([[1, 2], [3, 4]])
    assert tu.same_array(a[0], a[0])
    assert not tu.same_array(a, a.copy())
    assert not tu.same_array(a, a[0])
    assert a.asnumpy().tolist() == [[1, 2], [3, 4]]


def test_nested_tuples():
    tu.compare_ndarray_tuple((nd.ones(2), (None, nd.zeros(1))), (nd.ones(2), (None, nd.zeros(1))))
    for other in ((nd.ones(2), (None, nd.ones(1))), (nd.ones(2), (nd.ones(1), nd.zeros(1))), (nd.ones(2),)):
        with pytest.raises(AssertionError):
            tu.compare_ndarray_tuple((nd.ones(2), (None, nd.zeros(1))), other)


def test_expected_exceptions():
    tu.assert_exception(int, ValueError, "a")
    with pytest.raises(AssertionError, match="no exception"):
        tu.assert_exception(int, ValueError, "1")
    with pytest.raises(ValueError, match="invalid literal"):
        tu.assert_exception(int, IndexError, "a")
    with pytest.raises(mx.MXNetError):
        tu.assert_exception(int, "ValueError", "a")


def test_words_for_a_place():
    text = tu.locationError(np.array([1.0, 2.0]), np.array([1.0, 3.0]), (1,), ("a", "b"), maxError=True)
    assert text == "Location of maximum error: (1,), a=2.00000000, b=3.00000000"


def test_large_arrays_are_compared_piece_by_piece():
    a = np.zeros((3, 1 << 20), np.float32)
    b = a.copy()
    tu.assert_almost_equal(a, b)
    for place, value in (((0, 0), 1.0), ((1, 7), np.nan), ((2, (1 << 20) - 1), -1.0)):
        b[place] = value
    with pytest.raises(AssertionError, match=r"3 of 3145728(.|\n)*\(1, 7\)"):
        tu.assert_almost_equal(a, b)
    assert tu.almost_equal(b, b, equal_nan=True)
    assert not tu.almost_equal(b, b)
    tu.assert_almost_equal_with_err(a, b, etol=1e-6)
