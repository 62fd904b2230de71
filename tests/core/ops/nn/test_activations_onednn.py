"""Softmax, log_softmax and gelu of large arrays, which oneDNN computes where it is there, against float64."""

import math

import numpy as np
import pytest

from mxtrain import nd
from mxtrain.device import onednn
from mxtrain.ops import find

RANDOM = np.random.RandomState(6)
NAMES = ("softmax", "log_softmax")


def wished(name, x, axis=-1):
    x = x.astype(np.float64)
    shifted = x - x.max(axis=axis, keepdims=True)
    logarithm = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return np.exp(logarithm) if name == "softmax" else logarithm


@pytest.mark.parametrize("shape", [(100, 257), (3, 64, 128), (1, 20_000), (20_000, 1)])
@pytest.mark.parametrize("name", NAMES)
def test_softmax(name, shape):
    x = (RANDOM.randn(*shape) * 20).astype(np.float32)
    found = getattr(nd, name)(nd.array(x)).asnumpy()
    np.testing.assert_allclose(found, wished(name, x), rtol=4e-6, atol=4e-6)
    out = nd.empty(shape)
    getattr(nd, name)(nd.array(x), out=out)
    np.testing.assert_array_equal(out.asnumpy(), found)


@pytest.mark.parametrize("name", NAMES)
def test_infinities_and_nan(name):
    x = RANDOM.randn(100, 200).astype(np.float32)
    x[1, 3:] = -np.inf
    x[2, 7] = 88.0
    x[3, 5] = np.nan
    with np.errstate(all="ignore"):
        truth = wished(name, x)
    found = getattr(nd, name)(nd.array(x)).asnumpy()
    np.testing.assert_allclose(found[:3], truth[:3], rtol=4e-6, atol=4e-6)
    assert np.isnan(found[3, 5])  # oneDNN leaves it where it is, as in MXNet; NumPy has it spread over the row
    np.testing.assert_allclose(found[4:], truth[4:], rtol=4e-6, atol=4e-6)


def test_gelu():
    x = np.linspace(-8, 8, 20_001, dtype=np.float32)
    found = nd.LeakyReLU(nd.array(x), act_type="gelu").asnumpy()
    truth = [0.5 * value * (1 + math.erf(value / math.sqrt(2))) for value in x.tolist()]
    np.testing.assert_allclose(found, truth, rtol=1e-6, atol=1.5e-6)  # MXNet is off by 8e-7


@pytest.mark.skipif(not onednn.is_usable(), reason="oneDNN is not installed")
def test_the_library_is_chosen_for_what_it_computes():
    x = np.zeros((100, 100), np.float32)
    softmax, leaky = find("softmax"), find("LeakyReLU")

    def chooses(op, array=x, **given):
        return op.choose_forward([array], op.parse(given)) is not op.forward

    assert chooses(softmax)
    assert chooses(softmax, axis=1)
    assert not chooses(softmax, axis=0)
    assert not chooses(softmax, temperature=2.0)
    assert not chooses(softmax, dtype="float64")
    assert not chooses(softmax, array=x.astype(np.float64))
    assert not chooses(softmax, array=x[:10, :10].copy())
    assert chooses(leaky, act_type="gelu")
    assert not chooses(leaky, act_type="elu")
