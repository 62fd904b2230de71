"""Python's operators and functions of sparse arrays: values, and the storage of the results as MXNet 1.9.1 has it."""

import operator

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

LEFT = np.array([[0.5, 0, 0.25], [0, 0, 0], [0, 0, 0.75]], np.float32)
RIGHT = np.array([[0, 0, 0.5], [0, 0, 0], [0.125, 0, 0.25]], np.float32)
STYPES = {"d": "default", "c": "csr", "r": "row_sparse"}
PAIRS = [a + b for a in "dcr" for b in "dcr"]
# storage of the result for the pairs of PAIRS, d: default
OF_PAIRS = {
    "add": "ddddcdddr",
    "sub": "ddddcdddr",
    "mul": "dddccdrdr",
    "truediv": "dddcddddd",
    "pow": "ddddddddd",
    "eq": "ddddddddd",
    "lt": "ddddddddd",
}
# and for (csr, row_sparse) with 0, then with 2
OF_SCALARS = {
    "add": ("cr", "dd"),
    "sub": ("cr", "dd"),
    "mul": ("cr", "cr"),
    "truediv": ("cr", "cr"),
    "mod": ("dd", "dd"),
    "pow": ("dd", "dd"),
    "eq": ("dd", "cr"),
    "ne": ("cr", "dd"),
    "gt": ("cr", "cr"),
    "ge": ("dd", "cr"),
    "lt": ("cr", "dd"),
    "le": ("dd", "dd"),
}


def as_stype(values, letter):
    return nd.array(values).tostype(STYPES[letter])


@pytest.mark.parametrize("name", OF_PAIRS)
def test_pairs(name):
    function = getattr(operator, name)
    for pair, stype in zip(PAIRS, OF_PAIRS[name], strict=True):
        result = function(as_stype(LEFT, pair[0]), as_stype(RIGHT, pair[1]))
        assert result.stype == STYPES[stype], pair
        with np.errstate(all="ignore"):
            expected = function(LEFT, RIGHT).astype(np.float32)
        if name == "truediv":  # what is not stored is not divided
            expected = np.where(LEFT == 0, result.asnumpy(), expected)
        np.testing.assert_allclose(result.asnumpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", OF_SCALARS)
@pytest.mark.parametrize("scalar", [0, 2])
def test_scalars(name, scalar):
    function = getattr(operator, name)
    for letter, stype in zip("cr", OF_SCALARS[name][scalar // 2], strict=True):
        result = function(as_stype(LEFT, letter), scalar)
        assert result.stype == STYPES[stype]
        dense = function(nd.array(LEFT), scalar).asnumpy()
        if name == "truediv" and scalar == 0:
            stored = LEFT != 0 if letter == "c" else np.broadcast_to((LEFT != 0).any(1, keepdims=True), LEFT.shape)
            dense = np.where(stored, dense, 0)
        np.testing.assert_array_equal(result.asnumpy(), dense)


@pytest.mark.parametrize("name", ["iadd", "isub", "imul", "itruediv", "imod"])
@pytest.mark.parametrize("left", "dcr")
@pytest.mark.parametrize("right", ["d", "c", "r", 2])
def test_in_place(name, left, right):
    function = getattr(operator, name)
    target = as_stype(LEFT, left)
    other = right if right == 2 else as_stype(RIGHT, right)
    expected = function(nd.array(LEFT), right if right == 2 else nd.array(RIGHT)).asnumpy()
    result = function(target, other)
    assert result is target
    assert result.stype == STYPES[left]
    if name == "itruediv":
        expected = np.where(LEFT == 0, result.asnumpy(), expected)
    np.testing.assert_allclose(result.asnumpy(), expected, rtol=1e-6)


def test_explicit_functions_keep_what_is_sparse():
    for letter in "cr":
        a, b = as_stype(LEFT, letter), as_stype(RIGHT, letter)
        assert nd.sparse.add(a, b).stype == nd.sparse.multiply(a, b).stype == STYPES[letter]
        np.testing.assert_array_equal(nd.sparse.subtract(a, b).asnumpy(), LEFT - RIGHT)
        np.testing.assert_array_equal(nd.sparse.divide(a, 2).asnumpy(), LEFT / 2)
    assert nd.sparse.add(1, 2) == 3


def test_broadcasting_onto_csr():
    matrix = as_stype(LEFT, "c")
    for other in (np.array([[1, 2, 3]]), np.array([[1], [2], [4]]), np.array([2.0]), np.array([1, 2, 3])):
        for function, expected in ((nd.broadcast_mul, LEFT * other), (nd.broadcast_div, LEFT / other)):
            result = function(matrix, nd.array(other))
            assert result.stype == "csr"
            np.testing.assert_allclose(result.asnumpy(), expected, rtol=1e-6)
    with pytest.raises(mx.MXNetError, match="broadcasts to"):
        nd.broadcast_mul(matrix, nd.ones((2, 3)))


KEPT = [
    "abs",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "cbrt",
    "ceil",
    "degrees",
    "expm1",
    "fix",
    "floor",
    "log1p",
    "negative",
    "radians",
    "relu",
    "rint",
    "round",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
    "zeros_like",
    "BlockGrad",
    "make_loss",
    "identity",
]
DENSE = [
    "arccos",
    "cos",
    "cosh",
    "exp",
    "sigmoid",
    "softsign",
    "erf",
    "log",
    "rsqrt",
    "reciprocal",
    "logical_not",
    "ones_like",
    "softmax",
    "transpose",
]


@pytest.mark.parametrize("name", KEPT + DENSE)
def test_functions_of_one_array(name):
    for letter in "cr":
        result = getattr(nd, name)(as_stype(LEFT, letter))
        assert result.stype == (STYPES[letter] if name in KEPT else "default")
        np.testing.assert_array_equal(result.asnumpy(), getattr(nd, name)(nd.array(LEFT)).asnumpy())


def test_clip_keeps_zeros_where_they_are_inside():
    matrix = as_stype(LEFT, "c")
    assert matrix.clip(-0.5, 0.6).stype == "csr"
    assert matrix.clip(0.1, 0.6).stype == "default"
    np.testing.assert_array_equal(matrix.clip(0.1, 0.6).asnumpy(), LEFT.clip(np.float32(0.1), np.float32(0.6)))


def test_shapes_and_types_must_agree():
    for letter in "cr":
        one = as_stype(LEFT, letter)
        with pytest.raises(mx.MXNetError, match="one shape"):
            nd.elemwise_add(one, nd.ones((2, 3)).tostype(STYPES[letter]))
        with pytest.raises(mx.MXNetError, match="dtype"):
            nd.elemwise_add(one, one.astype("float64"))


def test_numpy_arrays_as_operands():
    for letter in "cr":
        array = as_stype(LEFT, letter)
        np.testing.assert_array_equal((array + RIGHT).asnumpy(), LEFT + RIGHT)
        np.testing.assert_array_equal((RIGHT - array).asnumpy(), RIGHT - LEFT)
        np.testing.assert_array_equal((array * RIGHT.astype(np.float64)).asnumpy(), LEFT * RIGHT)


def test_out_of_any_storage():
    for letter in "dcr":
        out = nd.zeros((3, 3), stype=STYPES[letter])
        for left in "dcr":
            given = nd.elemwise_add(as_stype(LEFT, left), as_stype(RIGHT, "r"), out=out)
            assert given is out
            assert out.stype == STYPES[letter]
            np.testing.assert_array_equal(out.asnumpy(), LEFT + RIGHT)
    with pytest.raises(mx.MXNetError, match="an `out` of shape"):
        nd.elemwise_add(as_stype(LEFT, "c"), as_stype(RIGHT, "c"), out=nd.zeros((2, 2), stype="csr"))


def test_random_numbers_into_sparse_arrays():
    dense, rows = nd.zeros((20, 20)), nd.zeros((20, 20), stype="row_sparse")
    for out in (dense, rows):
        mx.random.seed(3)
        nd.random.normal(shape=(20, 20), out=out)
    np.testing.assert_array_equal(rows.asnumpy(), dense.asnumpy())


def test_sums_of_many():
    arrays = [as_stype(values, "r") for values in (LEFT, RIGHT, LEFT)]
    total = nd.add_n(*arrays)
    assert total.stype == "row_sparse"
    np.testing.assert_array_equal(total.asnumpy(), LEFT + RIGHT + LEFT)
    assert nd.add_n(arrays[0], nd.array(RIGHT)).stype == "default"
    with pytest.raises(mx.MXNetError, match="one shape and dtype"):
        nd.add_n(arrays[0], nd.zeros((4, 3), stype="row_sparse"))


def test_indices_out_of_order_still_mean_what_they_say():
    one = nd.sparse.csr_matrix(([1, 2, 3], [2, 0, 1], [0, 2, 2, 3]), shape=(3, 3))
    other = nd.sparse.csr_matrix(([5, 6, 7], [0, 2, 1], [0, 2, 2, 3]), shape=(3, 3))
    np.testing.assert_array_equal((one + other).asnumpy(), one.asnumpy() + other.asnumpy())
    np.testing.assert_array_equal((one * other).asnumpy(), one.asnumpy() * other.asnumpy())
    np.testing.assert_array_equal(nd.dot(one, other).asnumpy(), one.asnumpy() @ other.asnumpy())
