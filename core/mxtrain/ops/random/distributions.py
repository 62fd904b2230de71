"""The distributions that random numbers are drawn from, and how each is drawn from a device's generator."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels import random_numbers

FLOAT32 = np.dtype(np.float32)


def _native(dtype: np.dtype) -> np.dtype:
    """The dtype to draw in: generators know float32 and float64."""
    return dtype if dtype in (np.float32, np.float64) else FLOAT32


def _is(value: Any, number: float) -> bool:
    """Whether a parameter is this number, and no array."""
    return isinstance(value, (float, int)) and value == number


def _at_once(xp: Any, shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Whether to draw float32 numbers that are many on a CPU."""
    return xp is np and dtype != np.float64 and math.prod(shape) >= random_numbers.MIN_AT_ONCE


def _filled(fill: Callable[..., None], rng: Any, shape: tuple[int, ...]) -> np.ndarray:
    numbers = np.empty(shape, np.float32)
    fill(rng, numbers.reshape(-1))
    return numbers


def _uniform(rng: Any, xp: Any, shape: tuple[int, ...], dtype: np.dtype, low: Any, high: Any) -> Any:
    if _at_once(xp, shape, dtype):
        numbers = _filled(random_numbers.fill_uniform, rng, shape)
    else:
        numbers = rng.random(shape, dtype=_native(dtype))
    if not (_is(low, 0) and _is(high, 1)):
        numbers *= high - low
        numbers += low
    return numbers


def _normal(rng: Any, xp: Any, shape: tuple[int, ...], dtype: np.dtype, loc: Any, scale: Any) -> Any:
    if _at_once(xp, shape, dtype):
        numbers = _filled(random_numbers.fill_normal, rng, shape)
    else:
        numbers = rng.standard_normal(shape, dtype=_native(dtype))
    if not _is(scale, 1):
        numbers *= scale
    if not _is(loc, 0):
        numbers += loc
    return numbers


def _exponential(rng: Any, xp: Any, shape: tuple[int, ...], dtype: np.dtype, lam: Any) -> Any:
    if _at_once(xp, shape, dtype):
        numbers = _filled(random_numbers.fill_exponential, rng, shape)
    else:
        numbers = rng.standard_exponential(shape, dtype=_native(dtype))
    numbers /= lam
    return numbers


def _gamma(rng: Any, xp: Any, shape: tuple[int, ...], dtype: np.dtype, alpha: Any, beta: Any) -> Any:
    numbers = rng.standard_gamma(alpha, shape, dtype=_native(dtype))
    numbers *= beta
    return numbers


def _poisson(rng: Any, xp: Any, shape: tuple[int, ...], dtype: np.dtype, lam: Any) -> Any:
    return rng.poisson(lam, shape)


def _negative_binomial(rng: Any, xp: Any, shape: tuple[int, ...], dtype: np.dtype, k: Any, p: Any) -> Any:
    return rng.poisson(rng.standard_gamma(k, shape) * ((1 - p) / p), shape)


def _generalized(rng: Any, xp: Any, shape: tuple[int, ...], dtype: np.dtype, mu: Any, alpha: Any) -> Any:
    mixed = xp.asarray(alpha) > 0
    safe = xp.where(mixed, alpha, 1)
    rates = xp.where(mixed, rng.standard_gamma(1 / safe, shape) * safe * mu, mu)
    return rng.poisson(rates, shape)


@dataclass(frozen=True)
class Distribution:
    """A distribution: its parameters with their defaults, what they must fulfil, and how to draw from it."""

    name: str
    meaning: str
    parameters: tuple[str, ...]
    draw: Callable[..., Any]  # (generator, xp, shape, dtype, *parameters), numbers or arrays that broadcast to shape
    valid: Callable[..., Any]  # of the parameters; element-wise
    rule: str

    def require_valid(self, xp: Any, values: Any) -> None:
        """Raise ArgumentError for parameters outside of their range."""
        fits = self.valid(*values)
        if not (fits if isinstance(fits, (bool, int)) else bool(xp.all(fits))):
            received = ", ".join(f"{name}={value}" for name, value in zip(self.parameters, values, strict=True))
            raise ArgumentError(f"Expected: {self.rule}. Received: {received}.")


UNIFORM = Distribution(
    "uniform",
    "the uniform distribution on [low, high)",
    ("low", "high"),
    _uniform,
    lambda low, high: high >= low,
    "low <= high",
)
NORMAL = Distribution(
    "normal",
    "the normal distribution of a mean (loc, mu) and a standard deviation (scale, sigma)",
    ("loc", "scale"),
    _normal,
    lambda loc, scale: scale >= 0,
    "scale >= 0",
)
GAMMA = Distribution(
    "gamma",
    "the gamma distribution of shape alpha and scale beta",
    ("alpha", "beta"),
    _gamma,
    lambda alpha, beta: (alpha > 0) * (beta > 0),
    "alpha > 0 and beta > 0",
)
EXPONENTIAL = Distribution(
    "exponential",
    "the exponential distribution of rate lam",
    ("lam",),
    _exponential,
    lambda lam: lam > 0,
    "lam > 0",
)
POISSON = Distribution(
    "poisson",
    "the Poisson distribution of rate lam",
    ("lam",),
    _poisson,
    lambda lam: lam >= 0,
    "lam >= 0",
)
NEGATIVE_BINOMIAL = Distribution(
    "negative_binomial",
    "the negative binomial distribution: successes before k failures, where p is the probability of a failure",
    ("k", "p"),
    _negative_binomial,
    lambda k, p: (k > 0) * (p > 0) * (p <= 1),
    "k > 0 and 0 < p <= 1",
)
GENERALIZED_NEGATIVE_BINOMIAL = Distribution(
    "generalized_negative_binomial",
    "the negative binomial distribution of mean mu and dispersion alpha",
    ("mu", "alpha"),
    _generalized,
    lambda mu, alpha: (mu >= 0) * (alpha >= 0),
    "mu >= 0 and alpha >= 0",
)
