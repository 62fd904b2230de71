"""What scripts take from `mx.base`: errors that Python users expect, and a few helpers."""

import os

import pytest

import mxtrain as mx
from mxtrain import base


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (base.ArgumentError, ValueError),
        (base.ArgumentTypeError, TypeError),
        (base.NameLookupError, KeyError),
        (base.IndexRangeError, IndexError),
    ],
)
def test_errors_are_mxnets_and_pythons(error, builtin):
    assert issubclass(error, mx.MXNetError)
    assert issubclass(error, builtin)
    assert issubclass(error, RuntimeError)
    assert str(error("Expected: this.")) == "Expected: this."


def test_helpers():
    assert base.py_str(b"a\xc3\xa4") == base.py_str("aä") == "aä"
    assert base._as_list((1, 2)) == [1, 2]
    assert base._as_list(3) == [3]
    assert base.mx_real_t.__name__ == "float32"


def test_where_data_lies(monkeypatch):
    monkeypatch.delenv("MXNET_HOME", raising=False)
    assert base.data_dir() == base.data_dir_default() == os.path.join(os.path.expanduser("~"), ".mxnet")
    monkeypatch.setenv("MXNET_HOME", "elsewhere")
    assert base.data_dir() == "elsewhere"
