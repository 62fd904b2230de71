"""The functions that NumPy lacks, to double precision, against Python's math module and exact values."""

import math

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.ops.kernels.error_function import erf
from mxtrain.ops.kernels.gamma_function import digamma, gamma, log_gamma, trigamma
from mxtrain.ops.kernels.inverse_error_function import inverse_erf

POINTS = np.concatenate([np.linspace(0.01, 30, 3001), np.linspace(-10.37, -0.013, 501), [100.0, 150.0, 170.5]])


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


def test_gamma():
    np.testing.assert_allclose(gamma(np, POINTS), [math.gamma(x) for x in POINTS], rtol=3e-13)


def test_log_gamma():
    np.testing.assert_allclose(log_gamma(np, POINTS), [math.lgamma(x) for x in POINTS], rtol=1e-13, atol=3e-14)
    np.testing.assert_allclose(log_gamma(np, np.array([1e10, 1e300])), [math.lgamma(1e10), math.lgamma(1e300)])


def test_digamma():
    # recurrence, reflection and known values
    x = np.linspace(0.1, 20, 200)
    np.testing.assert_allclose(digamma(np, x + 1) - digamma(np, x), 1 / x, rtol=1e-11)
    x = np.linspace(0.13, 9.17, 60)  # between the poles
    np.testing.assert_allclose(digamma(np, 1 - x) - digamma(np, x), math.pi / np.tan(math.pi * x), rtol=1e-9, atol=1e-9)
    euler = 0.57721566490153286
    np.testing.assert_allclose(digamma(np, np.array([1.0, 0.5])), [-euler, -euler - 2 * math.log(2)], rtol=1e-13)


def test_trigamma():
    x = np.linspace(0.1, 20, 200)
    np.testing.assert_allclose(trigamma(np, x) - trigamma(np, x + 1), 1 / x**2, rtol=1e-10)
    np.testing.assert_allclose(trigamma(np, np.array([1.0, 0.5])), [math.pi**2 / 6, math.pi**2 / 2], rtol=1e-12)
    np.testing.assert_allclose(trigamma(np, np.array([-0.5])), [math.pi**2 / 2 + 4], rtol=1e-12)


def test_erf():
    x = np.linspace(-7, 7, 2001)
    np.testing.assert_allclose(erf(np, x), [math.erf(v) for v in x], rtol=1e-14, atol=1e-16)


def test_inverse_erf():
    y = np.concatenate([np.linspace(-0.999999, 0.999999, 2001), [1 - 1e-12, -1 + 1e-15, 1e-300]])
    np.testing.assert_allclose([math.erf(v) for v in inverse_erf(np, y)], y, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize(
    ("name", "points", "expected"),
    [
        ("gamma", [0, -1, -2, 200], [math.inf, math.nan, math.nan, math.inf]),
        ("gammaln", [0, -1], [math.inf, math.inf]),
        ("erfinv", [1, -1, 2, 0], [math.inf, -math.inf, math.nan, 0]),
        ("erf", [math.inf, -math.inf, 0], [1, -1, 0]),
        ("sigmoid", [-1000, 1000], [0, 1]),
        ("sign", [math.nan, -0.0], [0, 0]),
        ("relu", [math.nan, -1], [math.nan, 0]),
    ],
)
def test_ends_and_poles(name, points, expected):
    found = getattr(mx.nd, name)(mx.nd.array(points)).asnumpy()
    np.testing.assert_allclose(found, expected, atol=1e-30)


def test_gamma_functions_at_infinity():
    """The values of MXNet 1.9.1."""
    ends = mx.nd.array([np.inf, -np.inf, 0, 2])
    np.testing.assert_array_equal(mx.nd.gamma(ends).asnumpy(), [np.inf, np.nan, np.inf, 1])
    np.testing.assert_array_equal(mx.nd.gammaln(ends).asnumpy(), [np.inf, np.inf, np.inf, 0])
