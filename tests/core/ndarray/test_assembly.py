"""Joining, cutting, rearranging and counting."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


def numbered(*shape):
    return nd.array(np.arange(np.prod(shape)).reshape(shape))


def test_concatenate():
    a, b = numbered(2, 3), numbered(1, 3)
    np.testing.assert_array_equal(nd.concatenate([a, b]).asnumpy(), np.concatenate([a.asnumpy(), b.asnumpy()]))
    assert nd.concatenate([a, numbered(2, 1)], axis=1).shape == (2, 4)
    assert nd.concatenate([a], always_copy=False) is a
    assert nd.concatenate([a]) is not a
    joined = nd.concatenate([a.as_in_context(mx.cpu(1)), b])
    assert joined.context == mx.cpu(1)
    for wrong in ([], [1, 2], [a, numbered(2, 2)]):
        with pytest.raises(mx.MXNetError):
            nd.concatenate(wrong)


def test_concatenate_is_recorded():
    a = numbered(2)
    a.attach_grad()
    with mx.autograd.record():
        total = (nd.concatenate([a, a * 2]) * nd.array([1, 2, 3, 4])).sum()
    total.backward()
    np.testing.assert_array_equal(a.grad.asnumpy(), [7, 10])


@pytest.mark.parametrize(("source", "destination"), [(0, 2), ([0, 1], [-1, 0]), (-1, 0), ([], [])])
def test_moveaxis(source, destination):
    a = numbered(2, 3, 4)
    np.testing.assert_array_equal(
        nd.moveaxis(a, source, destination).asnumpy(), np.moveaxis(a.asnumpy(), source, destination)
    )


@pytest.mark.parametrize(("source", "destination"), [(0, 3), ([0, 1], 2), ([0, 0], [1, 2])])
def test_moveaxis_refuses(source, destination):
    with pytest.raises(ValueError, match="ax"):
        nd.moveaxis(numbered(2, 3, 4), source, destination)


def test_split_v2():
    a = numbered(6, 2)
    for cut in (3, (1, 3), [2], (0, 6)):
        found = nd.split_v2(a, cut)
        expected = np.split(a.asnumpy(), cut)
        assert len(found) == len(expected)
        for part, wished in zip(found, expected, strict=True):
            np.testing.assert_array_equal(part.asnumpy(), wished)
    assert nd.split_v2(numbered(2, 6), 2, squeeze_axis=True)[0].shape == (6,)
    for wrong in (4, 0, (5, 1), (9,)):
        with pytest.raises(mx.MXNetError):
            nd.split_v2(a, wrong)


def test_onehot_encode():
    out = nd.full((2, 3), 9)
    assert nd.onehot_encode(nd.array([0, 2]), out) is out
    np.testing.assert_array_equal(out.asnumpy(), [[1, 0, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="depth"):
        nd.onehot_encode(nd.array([0]), out)


def test_histogram():
    counts, edges = nd.histogram(numbered(6), bins=3)
    np.testing.assert_array_equal(counts.asnumpy(), [2, 2, 2])
    np.testing.assert_allclose(edges.asnumpy(), [0, 5 / 3, 10 / 3, 5], rtol=1e-6)
    np.testing.assert_array_equal(nd.histogram(numbered(6), bins=nd.array([0, 2, 6]))[0].asnumpy(), [2, 4])
    np.testing.assert_array_equal(nd.histogram(numbered(6), bins=2, range=(0, 4))[0].asnumpy(), [2, 3])
    with pytest.raises(ValueError, match="bins"):
        nd.histogram(numbered(6), bins=0)
