"""`mx.sym.histogram`."""

import numpy as np
import pytest

import mxtrain as mx


def test_equal_bins_and_given_edges():
    data = mx.nd.array([0.1, 0.4, 0.45, 1.0, 3.0])
    a = mx.sym.Variable("a")
    counts, edges = mx.sym.histogram(a, bins=2, range=(0, 1)).bind(mx.cpu(), {"a": data}).forward()
    np.testing.assert_array_equal(counts.asnumpy(), [3, 1])
    np.testing.assert_array_equal(edges.asnumpy(), [0, 0.5, 1])
    symbol = mx.sym.histogram(a, mx.sym.Variable("bins"))
    counts, _ = symbol.bind(mx.cpu(), {"a": data, "bins": mx.nd.array([0, 0.2, 4])}).forward()
    np.testing.assert_array_equal(counts.asnumpy(), [1, 4])


def test_wrong_arguments_are_named():
    a = mx.sym.Variable("a")
    with pytest.raises(mx.MXNetError, match="range"):
        mx.sym.histogram(a, bins=3)
    with pytest.raises(mx.MXNetError, match="list"):
        mx.sym.histogram(a, bins=[1, 2])
