"""Python's operators, and the functions of two operands."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

A = np.array([1.0, 2.0, -3.0, 5.5], np.float32)
B = np.array([1.0, 3.0, 2.0, -2.0], np.float32)


@pytest.mark.parametrize(
    ("name", "compute"),
    [
        ("add", lambda a, b: a + b),
        ("subtract", lambda a, b: a - b),
        ("multiply", lambda a, b: a * b),
        ("divide", lambda a, b: a / b),
        ("true_divide", lambda a, b: a / b),
        ("modulo", lambda a, b: a % b),
        ("equal", lambda a, b: a == b),
        ("not_equal", lambda a, b: a != b),
        ("greater", lambda a, b: a > b),
        ("greater_equal", lambda a, b: a >= b),
        ("lesser", lambda a, b: a < b),
        ("lesser_equal", lambda a, b: a <= b),
        ("maximum", np.maximum),
        ("minimum", np.minimum),
        ("logical_and", np.logical_and),
        ("logical_or", np.logical_or),
        ("logical_xor", np.logical_xor),
    ],
)
def test_every_pair_of_operands(name, compute):
    a, b, function = nd.array(A), nd.array(B), getattr(nd, name)
    operator_works = name not in ("maximum", "minimum", "logical_and", "logical_or", "logical_xor")
    for lhs, rhs, plain_lhs, plain_rhs in ((a, b, A, B), (a, 2, A, 2), (2, b, 2, B), (a, np.float32(2), A, 2)):
        expected = np.asarray(compute(plain_lhs, plain_rhs), np.float32)
        found = function(lhs, rhs)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found.asnumpy(), expected)
        if operator_works:
            np.testing.assert_array_equal(compute(lhs, rhs).asnumpy(), expected)
    assert function(5, 2) == compute(5, 2)
    with pytest.raises(TypeError, match=name):
        function(a, "x")


def test_powers():
    a = nd.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal((a**2).asnumpy(), [1, 4, 9])
    np.testing.assert_array_equal((2**a).asnumpy(), [2, 4, 8])
    np.testing.assert_array_equal((a**a).asnumpy(), [1, 4, 27])
    np.testing.assert_array_equal(nd.power(2, a).asnumpy(), [2, 4, 8])
    assert nd.power(2, 3) == 8


def test_signs():
    np.testing.assert_array_equal((-nd.array(A)).asnumpy(), -A)
    np.testing.assert_array_equal(abs(nd.array(A)).asnumpy(), abs(A))


def test_numpy_arrays_beside_ndarrays():
    a = nd.array(A)
    for result in (a + B, B + a):
        assert isinstance(result, mx.nd.NDArray)
        np.testing.assert_array_equal(result.asnumpy(), A + B)
    np.testing.assert_array_equal((B - a).asnumpy(), B - A)


def test_broadcasting():
    np.testing.assert_array_equal((nd.ones((2, 1)) + nd.arange(3)).asnumpy(), [[1, 2, 3]] * 2)
    with pytest.raises(mx.MXNetError, match=r"\(2, 3\).*\(2,\)"):
        nd.ones((2, 3)) + nd.ones((2,))


def test_in_place():
    a = nd.array(A)
    memory = a.data_array
    a += 1
    a *= nd.array(B)
    a -= nd.array([1])
    a /= 2
    np.testing.assert_allclose(a.asnumpy(), ((A + 1) * B - 1) / 2, rtol=1e-6)
    assert a.data_array is memory
    with pytest.raises(mx.MXNetError):
        a += nd.ones((2, 4))  # a would have to grow
    with pytest.raises(TypeError, match="number"):
        a += "x"
    a.attach_grad()
    with mx.autograd.record(), pytest.raises(mx.MXNetError, match="record"):
        a += 1


def test_comparison_with_none():
    a = nd.array(A)
    assert (a == None) is False  # noqa: E711
    assert (a != None) is True  # noqa: E711


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda a: a + 2.7, [3, 4, -1, 7]),
        (lambda a: a * 1.5, [1, 2, -3, 5]),
        (lambda a: a / 2, [0, 1, -1, 2]),
        (lambda a: 7.5 / a, [7, 3, -2, 1]),
        (lambda a: a % 2, [1, 0, 1, 1]),
        (lambda a: a == 1.5, [1, 0, 0, 0]),
        (lambda a: a**2, [1, 4, 9, 25]),
        (lambda a: a**0.5, [1, 1, 1, 1]),
    ],
)
def test_integers_stay_integers_as_in_mxnet(compute, expected):
    result = compute(nd.array([1, 2, -3, 5], dtype="int32"))
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result.asnumpy(), expected)


@pytest.mark.parametrize(
    ("compute", "expected"),
    [(lambda a: a + -1, [255, 0]), (lambda a: a + 300, [44, 45]), (lambda a: a >= -1, [0, 0])],
)
def test_numbers_that_an_integer_dtype_cannot_hold(compute, expected):
    np.testing.assert_array_equal(compute(nd.array([0, 1], dtype="uint8")).asnumpy(), expected)


def test_no_promotion():
    with pytest.raises(TypeError, match=r"float32.*int32"):
        nd.array([1]) + nd.array([1], dtype="int32")
    with pytest.raises(TypeError, match="bool"):
        nd.array([1], dtype="bool") + nd.array([1], dtype="bool")


def test_infinities_and_nan_raise_no_warning():
    zero = nd.zeros((2,))
    assert np.isnan((zero / zero).asnumpy()).all()
    assert np.isinf((1 / zero).asnumpy()).all()
    assert np.isnan(nd.log(zero - 1).asnumpy()).all()
    assert np.isinf((nd.full((1,), 3e38) * 10).asnumpy()).all()
    assert np.isinf(nd.full((1,), 1e300, dtype="float64").astype("float32").asnumpy()).all()


@pytest.mark.parametrize("symbol", ["//", "@", "&"])
def test_operators_that_mxnet_lacks(symbol):
    compute = {"//": lambda a: a // a, "@": lambda a: a @ a, "&": lambda a: a & a}[symbol]
    with pytest.raises(TypeError):
        compute(nd.array(A))
