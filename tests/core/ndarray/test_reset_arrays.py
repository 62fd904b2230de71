"""Arrays set to zero together."""

import pytest

import mxtrain as mx


def test_sets_all_to_zero_in_place():
    a, b = mx.nd.array([1, 2]), mx.nd.array([[3]], dtype="int32")
    assert mx.nd.reset_arrays(a, b, num_arrays=2) == []
    assert a.asnumpy().tolist() == [0, 0]
    assert b.asnumpy().tolist() == [[0]]


def test_refuses_another_number_of_arrays():
    a = mx.nd.ones(2)
    with pytest.raises(mx.MXNetError, match="num_arrays=2"):
        mx.nd.reset_arrays(a, num_arrays=2)
    assert a.asnumpy().tolist() == [1, 1]
