"""Seeds: per device, for all devices, for devices that come later."""

import numpy as np
import pytest

import mxtrain as mx


def draw(ctx=None):
    return mx.nd.random.uniform(shape=(4,), ctx=ctx).asnumpy().tolist()


def test_equal_seeds_give_equal_numbers():
    mx.random.seed(7)
    first = draw(), mx.nd.random.normal(shape=(3,)).asnumpy().tolist()
    mx.random.seed(7)
    assert (draw(), mx.nd.random.normal(shape=(3,)).asnumpy().tolist()) == first
    mx.random.seed(8)
    assert draw() != first[0]


def test_devices_have_sequences_of_their_own():
    mx.random.seed(7)
    first, second = draw(mx.cpu(0)), draw(mx.cpu(1))
    assert first != second
    mx.random.seed(7)
    assert (draw(mx.cpu(0)), draw(mx.cpu(1))) == (first, second)


def test_one_device_alone():
    mx.random.seed(1)
    other = draw(mx.cpu(1))
    mx.random.seed(1)
    mx.random.seed(9, ctx=mx.cpu(0))
    assert draw(mx.cpu(1)) == other
    mx.random.seed(9, ctx=mx.cpu(1))
    mx.random.seed(9, ctx=mx.cpu(0))
    assert draw(mx.cpu(0)) == draw(mx.cpu(1))  # the same on every device


def test_a_device_used_later_follows_the_seed():
    mx.random.seed(3)
    late = draw(mx.cpu(37))
    mx.random.seed(3)
    assert draw(mx.cpu(37)) == late


def test_a_generator_keeps_its_identity():
    holder = mx.cpu(0).backend.rng
    mx.random.seed(5)
    assert mx.cpu(0).backend.rng is holder


@pytest.mark.parametrize("seed", [0, -1, 2**40, np.int64(3), 1.0, "12"])
def test_seeds_of_many_kinds(seed):
    mx.random.seed(seed)
    draw()


def test_what_is_no_seed():
    with pytest.raises(TypeError, match="seed"):
        mx.random.seed("x")
    with pytest.raises(TypeError, match="seed"):
        mx.random.seed(None)
    with pytest.raises(ValueError, match="Context"):
        mx.random.seed(1, ctx="cpu")
