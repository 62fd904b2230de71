"""Replacing one element of each row."""

import pytest

import mxtrain as mx


def test_fills_one_element_of_each_row():
    filled = mx.nd.fill_element_0index(mx.nd.zeros((2, 3)), mx.nd.array([5, 6]), mx.nd.array([0, 2]))
    assert filled.asnumpy().tolist() == [[5, 0, 0], [0, 0, 6]]


@pytest.mark.parametrize("index", [-1, 3])
def test_refuses_indices_outside(index):
    with pytest.raises(mx.MXNetError, match=r"fill_element_0index.*\[0, 3\)"):
        mx.nd.fill_element_0index(mx.nd.zeros((2, 3)), mx.nd.array([5, 6]), mx.nd.array([0, index]))
