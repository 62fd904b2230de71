"""Histograms, against what MXNet 1.9.1 gave."""

import numpy as np
import pytest

import mxtrain as mx

VALUES = [0.5, 1.0, 2.0, 3.7, -1.0, 5.0, 2.5]


def call(values, *bins, dtype="float32", **options):
    counts, edges = mx.nd._internal._histogram(mx.nd.array(values, dtype=dtype), *map(mx.nd.array, bins), **options)
    assert counts.dtype == np.int64
    assert edges.dtype == np.dtype(dtype)
    return counts.asnumpy().tolist(), edges.asnumpy().tolist()


def test_equal_bins():
    assert call(VALUES, bin_cnt=4, range=(0, 4)) == ([1, 1, 2, 1], [0, 1, 2, 3, 4])


def test_given_edges():
    assert call(VALUES, [0, 1, 2.5, 5]) == ([1, 2, 3], [0, 1, 2.5, 5])


def test_integers():
    assert call([1, 2, 2, 3, 9], bin_cnt=3, range=(1, 4), dtype="int32") == ([1, 2, 1], [1, 2, 3, 4])


def test_values_outside_and_no_numbers_are_not_counted():
    assert call([np.nan, np.inf, -5.0, 0.5], bin_cnt=1, range=(0, 1))[0] == [1]


@pytest.mark.parametrize("options", [{"bin_cnt": 0, "range": (0, 1)}, {"bin_cnt": 2}, {"bin_cnt": 2, "range": (1, 0)}])
def test_refuses_bins_that_make_no_sense(options):
    with pytest.raises(mx.MXNetError, match=r"_histogram.*bin_cnt >= 1"):
        call(VALUES, **options)


def test_refuses_falling_edges():
    with pytest.raises(mx.MXNetError, match=r"_histogram.*rising"):
        call(VALUES, [2.0, 1.0])
