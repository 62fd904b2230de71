"""NDArrays in pickles: the form that MXNet's own pickles have."""

import pickle

import numpy as np
import pytest

import mxtrain as mx

# what MXNet 1.9.1's nd.array([1, 2]).__getstate__() gave
STATE = {
    "handle": bytearray(
        b"\xc9\xfa\x93\xf9\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00"
        b"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@"
    )
}


def test_state_is_the_one_of_mxnet():
    assert mx.nd.array([1, 2]).__getstate__() == STATE
    array = mx.nd.NDArray(None)  # what unpickling makes first
    array.__setstate__(STATE)
    np.testing.assert_array_equal(array.asnumpy(), [1, 2])
    assert array.context == mx.cpu(0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(2, 3), (0, 2), (1,)])
def test_any_array_survives(dtype, shape):
    array = mx.nd.full(shape, 1).astype(dtype)
    again = mx.nd.array([7])
    again.__setstate__(array.__getstate__())
    np.testing.assert_array_equal(again.asnumpy(), array.asnumpy())
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(array)).asnumpy(), array.asnumpy())


def test_arrays_of_missing_devices_come_to_the_cpu():
    state = {"handle": bytearray(STATE["handle"])}
    state["handle"][20] = 2  # cpu -> gpu
    array = mx.nd.array([7])
    array.__setstate__(state)
    assert array.context == mx.cpu(0)


@pytest.mark.parametrize(
    "state", [None, {}, {"handle": None}, {"handle": b"xx"}, {"handle": STATE["handle"][:-1]}, {"handle": "text"}]
)
def test_anything_else_is_refused_and_changes_nothing(state):
    array = mx.nd.array([7])
    with pytest.raises(mx.MXNetError, match=r"[Ee]xpected"):
        array.__setstate__(state)
    assert array.asscalar() == 7


def test_which_slices_are_contiguous():
    holds = mx.nd.NDArray._basic_indexing_slice_is_contiguous
    array = np.zeros((3, 4, 2))
    parts = [slice(None), slice(1), slice(9), slice(1, 3), slice(None, None, 2), slice(None, None, -1), slice(2, 2)]
    for key in np.ndindex(len(parts), len(parts), len(parts)):
        slices = tuple(parts[i] for i in key)
        assert holds(slices, array.shape) == array[slices].flags.contiguous, slices
