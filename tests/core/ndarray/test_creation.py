"""Making arrays: dtypes, shapes and contexts as in MXNet 1.9.1."""

import ml_dtypes
import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


@pytest.mark.parametrize(
    ("source", "dtype", "expected"),
    [
        ([1, 2], None, np.float32),
        (np.arange(3), None, np.float32),
        (np.arange(3, dtype=np.int32), None, np.float32),
        (np.float64(5), None, np.float32),
        ([True, False], None, np.float32),
        ([1, 2], "int32", np.int32),
        ([1, 2], np.float16, np.float16),
        ([1, 2], "bfloat16", ml_dtypes.bfloat16),
        (nd.array([1, 2], dtype="int32"), None, np.int32),
        (nd.array([1, 2], dtype="int32"), "float64", np.float64),
    ],
)
def test_dtype_of_array(source, dtype, expected):
    a = nd.array(source, dtype=dtype)
    assert a.dtype == expected
    np.testing.assert_array_equal(
        a.asnumpy().astype(np.float64).ravel(),
        np.array(source if not isinstance(source, mx.nd.NDArray) else source.asnumpy()).ravel(),
    )


def test_array_of_arrays():
    rows = [nd.array([1, 2]), nd.array([3, 4])]
    np.testing.assert_array_equal(nd.array(rows).asnumpy(), [[1, 2], [3, 4]])


def test_array_copies():
    source = np.zeros(3, np.float32)
    a = nd.array(source)
    source[:] = 1
    assert (a.asnumpy() == 0).all()
    b = nd.array(a)
    a[:] = 2
    assert (b.asnumpy() == 0).all()


@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged")  # NumPy 1.23
@pytest.mark.parametrize("source", [["a"], None, [[1, 2], [3]], object(), {"a": 1}, [None], "text", 1j])
def test_array_of_what_are_no_numbers(source):
    with pytest.raises(TypeError, match="Expected"):
        nd.array(source)


@pytest.mark.parametrize("shape", ["a", (2, -1), (1.5,), None, ("2",), {}])
def test_shape_that_is_none(shape):
    for make in (nd.zeros, nd.ones, nd.empty):
        if shape != {}:
            with pytest.raises(ValueError, match="Expected"):
                make(shape)


def test_unknown_dtype():
    with pytest.raises(TypeError, match="float32"):
        nd.zeros((2,), dtype="float99")
    with pytest.raises(mx.MXNetError, match="complex64"):
        nd.array([1], dtype=np.complex64)


@pytest.mark.parametrize(("make", "value"), [(nd.zeros, 0), (nd.ones, 1)])
@pytest.mark.parametrize("shape", [3, (3,), (2, 3), [2, 3], np.int64(2)])
def test_constants(make, value, shape):
    a = make(shape, mx.cpu(1), "float64")
    assert a.shape == np.zeros(shape).shape
    assert a.dtype == np.float64
    assert a.context == mx.cpu(1)
    assert (a.asnumpy() == value).all()


@pytest.mark.parametrize("make", [nd.zeros, nd.ones])
@pytest.mark.parametrize("shape", [(), 0, (0,), (2, 0), [0, 3]])
def test_shapes_without_elements_are_for_numpy_semantics(make, shape):
    with pytest.raises(mx.MXNetError, match="np_shape"):
        make(shape)
    with mx.np_shape():
        assert make(shape).shape == np.zeros(shape).shape
    # others take them anyway, as in MXNet 1.9.1
    assert nd.empty(shape).shape == nd.full(shape, 2).shape == nd.array(np.zeros(shape)).shape == np.zeros(shape).shape


def test_an_element_has_no_axes_under_numpy_semantics():
    assert nd.ones(3)[0].shape == (1,)
    with mx.np_shape():
        a = nd.ones((3, 2))
        element = a[0, 1]
        assert element.shape == ()
        element[()] = 5
        assert a.asnumpy()[0, 1] == 5


def test_default_context_is_that_of_the_block():
    with mx.cpu(2):
        assert nd.zeros(1).context == mx.cpu(2)
        assert nd.array([1]).context == mx.cpu(2)
        assert nd.random.uniform(shape=(2,)).context == mx.cpu(2)
    assert nd.zeros(1).context == mx.cpu(0)


def test_ranges():
    np.testing.assert_array_equal(nd.arange(3).asnumpy(), [0, 1, 2])
    np.testing.assert_array_equal(nd.arange(5, 0, -2).asnumpy(), [5, 3, 1])
    np.testing.assert_array_equal(nd.arange(0, 5, 2, repeat=2, dtype="int32").asnumpy(), [0, 0, 2, 2, 4, 4])
    np.testing.assert_array_equal(nd.linspace(0, 1, 5).asnumpy(), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(nd.linspace(0, 1, 5, endpoint=False).asnumpy(), [0, 0.2, 0.4, 0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(nd.eye(2, 3, 1).asnumpy(), [[0, 1, 0], [0, 0, 1]])
    with pytest.raises(mx.MXNetError, match="step"):
        nd.arange(0, 1, 0)


def test_full_and_out():
    assert (nd.full((2,), 3.5).asnumpy() == 3.5).all()
    out = nd.zeros((2,))
    assert nd.full((2,), 7, out=out) is out
    assert (out.asnumpy() == 7).all()


def test_from_numpy_shares_memory():
    source = np.arange(3, dtype=np.float32)
    a = nd.from_numpy(source)
    a[0] = 9
    assert source[0] == 9
    with pytest.raises(ValueError, match="read-only"):
        source[0] = 1
    copy = nd.from_numpy(np.arange(3, dtype=np.float32), zero_copy=False)
    assert copy.shape == (3,)
    with pytest.raises(mx.MXNetError, match="contiguous"):
        nd.from_numpy(np.zeros((2, 3), np.float32).T)


def test_dlpack_shares_memory():
    a = nd.arange(3)
    b = nd.from_dlpack(nd.to_dlpack_for_write(a))
    b[1] = 9
    assert a[1].asscalar() == 9
    np.testing.assert_array_equal(nd.from_dlpack(np.arange(3.0)).asnumpy(), [0, 1, 2])


def test_backend_arrays():
    data = np.zeros((2, 3), np.float32)
    a = nd.from_backend(data, mx.cpu(1))
    a[:] = 4
    assert (data == 4).all()
    assert a.context == mx.cpu(1)
    with pytest.raises(mx.MXNetError, match="contiguous"):
        nd.from_backend(data.T)
