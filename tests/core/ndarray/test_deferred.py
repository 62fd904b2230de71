"""Values on their way: whoever touches the data first waits for it."""

import threading

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


def filling(array, value):
    """A `wait` that fills the array's buffer, and a list that notes its calls."""
    buffer, calls = array.raw_buffer, []

    def wait():
        calls.append(1)
        buffer[...] = value

    return wait, calls


def test_the_first_touch_waits_once():
    a = nd.zeros((3,))
    wait, calls = filling(a, 5)
    a.defer(wait)
    assert a.shape == (3,)
    assert a.dtype == np.float32
    assert not calls
    assert ((a + 1).asnumpy() == 6).all()
    assert (a.asnumpy() == 5).all()
    assert calls == [1]


@pytest.mark.parametrize(
    "touch",
    [
        lambda a: a.asnumpy(),
        lambda a: a + 1,
        lambda a: a[0],
        lambda a: a.reshape((3, 1)),
        lambda a: a.wait_to_read(),
        lambda a: a.copyto(nd.zeros((3,))),
        lambda a: a.__setitem__(0, 1),
        lambda a: a.sum(),
        lambda a: nd.waitall(),
    ],
)
def test_every_use_waits(touch):
    a = nd.zeros((3,))
    wait, calls = filling(a, 5)
    a.defer(wait)
    touch(a)
    assert calls == [1]


def test_views_wait_too():
    a = nd.zeros((2, 3))
    row = a[1]
    wait, calls = filling(a, 7)
    a.defer(wait)
    assert (row.asnumpy() == 7).all()
    assert calls == [1]
    assert (a.asnumpy() == 7).all()


def test_a_view_may_be_deferred():
    a = nd.zeros((2, 3))
    row = a[1]
    wait, calls = filling(row, 7)
    row.defer(wait)
    np.testing.assert_array_equal(a.asnumpy(), [[0, 0, 0], [7, 7, 7]])
    assert calls == [1]


def test_a_failed_wait_is_told_once():
    a = nd.full((2,), 3)

    def wait():
        raise mx.MXNetError("the server of key 7 is gone")

    a.defer(wait)
    with pytest.raises(mx.MXNetError, match="key 7"):
        a.asnumpy()
    assert (a.asnumpy() == 3).all()


def test_waitall_waits_for_all_and_raises_the_first_error():
    arrays = [nd.zeros((1,)) for _ in range(3)]
    waits = [filling(a, 1) for a in arrays]

    def fail():
        raise mx.MXNetError("lost")

    arrays[0].defer(waits[0][0])
    arrays[1].defer(fail)
    arrays[2].defer(waits[2][0])
    with pytest.raises(mx.MXNetError, match="lost"):
        nd.waitall()
    assert waits[0][1] == waits[2][1] == [1]
    nd.waitall()


def test_a_second_value_comes_after_the_first():
    a = nd.zeros((1,))
    first, first_calls = filling(a, 1)
    second, second_calls = filling(a, 2)
    a.defer(first)
    a.defer(second)
    assert first_calls == [1]
    assert a.asscalar() == 2
    assert second_calls == [1]


def test_several_threads_wait_together():
    a = nd.zeros((1,))
    arrived = threading.Event()
    buffer = a.raw_buffer

    def wait():
        assert arrived.wait(10)
        buffer[...] = 4

    a.defer(wait)
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(a.asscalar())) for _ in range(4)]
    for thread in threads:
        thread.start()
    arrived.set()
    for thread in threads:
        thread.join(10)
    assert seen == [4, 4, 4, 4]
