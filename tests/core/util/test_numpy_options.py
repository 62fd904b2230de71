"""Options of NumPy's universal functions."""

import numpy as np
import pytest

from mxtrain.util import np_ufunc_legal_option, wrap_np_binary_func, wrap_np_unary_func


@pytest.mark.parametrize(
    ("key", "value", "legal"),
    [
        ("where", 3, True),
        ("casting", "safe", True),
        ("casting", "other", False),
        ("order", "C", True),
        ("order", 1, False),
        ("dtype", "float32", True),
        ("dtype", np.int8, True),
        ("dtype", "complex64", False),
        ("dtype", "no dtype", False),
        ("subok", False, True),
        ("subok", 0, False),
        ("other", True, False),
    ],
)
def test_what_is_legal(key, value, legal):  # as in MXNet 1.9.1
    assert np_ufunc_legal_option(key, value) is legal


@wrap_np_unary_func
def negative(x, out=None):
    return -x if out is None else out


@wrap_np_binary_func
def plus(x1, x2, out=None):
    return x1 + x2 if out is None else out


def test_defaults_change_nothing():
    assert negative(3, where=True, casting="same_kind", order="K", dtype=None, subok=True) == -3
    assert plus(1, 2, casting="same_kind") == 3
    assert plus(1, 2, out=7) == negative(1, out=7) == 7


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"where": False}, NotImplementedError, "where=False is not implemented yet for operator negative"),
        ({"dtype": "int8"}, NotImplementedError, "dtype=int8 is not implemented"),
        ({"order": 3}, TypeError, "order=3 not understood for operator negative"),
        ({"axis": 3}, TypeError, "axis is an invalid keyword to function 'negative'"),
    ],
)
def test_others_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        negative(1, **options)
