"""Tolerances by dtype. The tables are MXNet 1.9.1's."""

import numpy as np
import pytest

from mxtrain import nd
from mxtrain import test_utils as tu


@pytest.mark.parametrize(
    ("table", "half", "single", "double"),
    [
        (tu.default_rtols(), 1e-2, 1e-4, 1e-5),
        (tu.default_atols(), 1e-1, 1e-3, 1e-20),
        (tu.default_numeric_eps(), 2**-6, 2**-9, 2**-14),
    ],
)
def test_tables(table, half, single, double):
    kinds = ("float16", "float32", "float64")
    assert [table[np.dtype(kind)] for kind in kinds] == [half, single, double]


@pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int32", "int64"])
def test_integers_must_be_equal(kind):
    assert tu.get_tolerance(np.zeros(1, kind), None, tu.default_rtols()) == 0
    assert tu.get_tolerance(np.zeros(1, kind), None, tu.default_atols()) == 0


def test_the_less_precise_array_counts():
    assert tu.get_tols(np.zeros(2, "float16"), nd.zeros(2), None, None) == (0.01, 0.1)
    assert tu.get_tols(nd.zeros(2), 1.0, None, None) == (1e-4, 1e-3)
    assert tu.get_tols(np.zeros(1), np.zeros(1), 0.5, {np.float64: 3}) == (0.5, 3)


def test_given_values_win():
    assert (tu.get_rtol(), tu.get_atol(), tu.get_etol()) == (1e-5, 1e-20, 0)
    assert (tu.get_rtol(1), tu.get_atol(2), tu.get_etol(0.5)) == (1, 2, 0.5)
    assert tu.get_rtol(dtype="float16") == 1e-2


def test_effective_dtypes():
    assert tu.effective_dtype(nd.zeros(1, dtype="float16")) == np.float16
    assert tu.effective_dtype([1.0]) == np.float64
