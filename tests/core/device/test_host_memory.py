"""Memory of large results that is used again when nothing refers to it any more."""

import gc
import threading

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError
from mxtrain.device import host_memory

SIZE = host_memory.LEAST_BYTES // 4  # float32 numbers


@pytest.fixture
def cache():
    return host_memory.Cache(limit=4 * host_memory.LEAST_BYTES)


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_of_a_dead_array_is_used_again(cache):
    first = host_memory.empty((SIZE,), np.float32, cache)
    place = address(first)
    assert first.flags.c_contiguous
    assert first.flags.writeable
    assert cache.held == 0
    del first
    assert cache.held == 4 * SIZE
    second = host_memory.empty((SIZE // 16, 8), np.int64, cache)
    assert address(second) == place
    assert (second.shape, second.dtype) == ((SIZE // 16, 8), np.int64)
    assert cache.held == 0


@pytest.mark.parametrize(
    "refer",
    [
        lambda array: array[5:7].reshape(1, 2),
        lambda array: memoryview(array)[3:],
        np.from_dlpack,
        lambda array: np.frombuffer(array, np.uint8),
        lambda array: mx.nd.NDArray(array, mx.cpu())[1:3],
    ],
)
def test_memory_that_something_refers_to_is_not_used_again(cache, refer):
    array = host_memory.empty((SIZE,), np.float32, cache)
    array[:] = 1
    reference = refer(array)
    del array
    gc.collect()
    assert cache.held == 0
    host_memory.empty((SIZE,), np.float32, cache)[:] = 2
    values = reference.asnumpy() if isinstance(reference, mx.nd.NDArray) else np.asarray(reference)
    assert (values.view(np.float32) == 1).all()
    del reference, values
    assert cache.held == 8 * SIZE


def test_a_much_larger_buffer_is_left_for_others(cache):
    del_me = host_memory.empty((2 * SIZE,), np.float32, cache)
    place = address(del_me)
    del del_me
    assert address(host_memory.empty((SIZE,), np.float32, cache)) != place
    assert address(host_memory.empty((2 * SIZE - 100,), np.float32, cache)) == place


def test_the_bound_holds_and_the_oldest_goes_first(cache):
    arrays = [host_memory.empty((SIZE + number * SIZE // 2,), np.float32, cache) for number in range(4)]
    newest = address(arrays[-1])
    while arrays:
        del arrays[0]
        assert cache.held <= cache.limit
    assert address(host_memory.empty((SIZE * 5 // 2,), np.float32, cache)) == newest
    cache.clear()
    assert cache.held == 0


def test_small_arrays_those_beyond_the_bound_and_other_types_are_plain(cache):
    for shape, dtype in [((10,), "f4"), ((), "f4"), ((0, 5), "f4"), ((5 * SIZE,), "f4"), ((SIZE,), "V4")]:
        array = host_memory.empty(shape, dtype, cache)
        assert array.shape == shape
        assert array.flags.owndata
    assert host_memory.empty((SIZE,), np.float32, host_memory.Cache(0)).flags.owndata


def test_threads_never_get_the_same_memory(cache):
    wrong = []

    def work(number):
        for _ in range(50):
            array = host_memory.empty((SIZE,), np.float32, cache)
            array[::4096] = number
            if not (array[::4096] == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert cache.held <= cache.limit


def test_the_setting_is_checked(monkeypatch):
    monkeypatch.setenv("MXTRAIN_HOST_CACHE", "64M")
    assert host_memory.Cache().limit == 64 << 20
    monkeypatch.setenv("MXTRAIN_HOST_CACHE", "much")
    with pytest.raises(ArgumentError, match="number of bytes"):
        host_memory.empty((SIZE,), np.float32, host_memory.Cache())


def test_operators_use_memory_again_and_empty_cache_gives_it_back():
    mx.cpu().empty_cache()
    ones = mx.nd.ones((SIZE,))
    place = address((ones + 1).data_array)
    assert host_memory.CACHE.held == 4 * SIZE
    again = mx.nd.exp(ones)
    assert address(again.data_array) == place
    np.testing.assert_allclose(again[:3].asnumpy(), np.exp(np.ones(3, np.float32)), rtol=1e-6)
    del again
    mx.cpu().empty_cache()
    assert host_memory.CACHE.held == 0
