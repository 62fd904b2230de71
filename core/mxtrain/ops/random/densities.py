"""Densities and probabilities of random numbers: `_random_pdf_X` of the samples that `_sample_X` draws.

Each is declared by the logarithm of its density, in float64 by backend functions, and by that logarithm's gradients,
written in operators.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels.gamma_function import log_gamma
from mxtrain.ops.operator import Case, declare_operator

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
_COUNTS = np.array([[0.0, 1.0, 2.0], [4.0, 3.0, 1.0]], np.float64)


def _infer_shape(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """All parameters have one shape, with which that of the sample begins; the output has the sample's."""
    sample, lead = shapes.unify(ins[0], outs[0]), shapes.unify_all(ins[1:])
    if sample is not None and lead is not None:
        if len(lead) > len(sample):
            raise ArgumentError(f"Expected: a sample whose shape begins with {lead}. Received: {sample}.")
        lead = shapes.unify(sample[: len(lead)], lead)
        sample = (*lead, *sample[len(lead) :])
    return [sample, *[lead] * (len(ins) - 1)], [sample]


def _spread(sample: Any, parameters: Sequence[Any]) -> list[Any]:
    """The parameters with axes of size 1 for those that only the sample has, in float64."""
    lead = shapes.unify_all([array.shape for array in parameters])
    shapes.unify(sample.shape[: len(lead)], lead)
    more = (1,) * (sample.ndim - len(lead))
    return [array.astype(np.float64).reshape(*lead, *more) for array in parameters]


def require_floating(arrays: Sequence[Any]) -> None:
    """Raise ArgumentTypeError unless all arrays have one floating dtype."""
    types.unify_all([array.dtype for array in arrays])
    types.require_floating(arrays[0].dtype)


def _evaluate(log_density: Callable[..., Any], xp: Any, sample: Any, parameters: Sequence[Any], is_log: bool) -> Any:
    """The (logarithm of the) density of each number, in the dtype of the sample."""
    require_floating((sample, *parameters))
    values = log_density(xp, sample.astype(np.float64), *_spread(sample, parameters))
    return (values if is_log else xp.exp(values)).astype(sample.dtype)


def _declare(
    name: str,
    meaning: str,
    forward: Callable[..., Any],
    slopes: Callable[..., Sequence[Any]],
    *,
    counts: bool = False,
    low: float = 0.5,
    high: float = 1.5,
) -> None:
    """slopes(F, sample, *parameters): the gradients of the logarithm, each in the shape of the sample."""

    def gradient(F: Any, gy: Any, y: Any, sample: Any, *parameters: Any, is_log: bool) -> list[Any]:
        weight = gy if is_log else gy * y
        spread = [F._spread_over_middle(array, sample) for array in parameters]
        by_sample, *by_parameters = slopes(F, sample, *spread)
        totals = [
            F._sum_over_middle(weight * slope, array) for slope, array in zip(by_parameters, parameters, strict=True)
        ]
        return [F.zeros_like(sample) if by_sample is None else weight * by_sample, *totals]

    names = forward.__code__.co_varnames[2 : forward.__code__.co_argcount]
    sample: Any = _COUNTS if counts else (2, 3)
    inputs = {"sample": sample, **dict.fromkeys(names, (2,))}
    declare_operator(
        f"_random_pdf_{name}",
        f"random_pdf_{name}",
        doc=f"{meaning}.\n\nsample: any shape, floating. Parameters: arrays of one shape, with which that of the "
        "sample begins: one distribution for each. is_log: give the logarithm. Output: the shape of the sample. "
        "Source: MXNet 1.9.1.",
        cases=[Case(inputs, low=low, high=high), Case(inputs, is_log=True, low=low, high=high)],
        forward=forward,
        gradient=gradient,
        infer_shape=_infer_shape,
    )


def _uniform_log(xp, sample, low, high):
    return -xp.log(high - low) + xp.zeros_like(sample)


def _uniform(xp, sample, low, high, *, is_log: bool = False):
    return _evaluate(_uniform_log, xp, sample, (low, high), is_log)


def _uniform_slopes(F, sample, low, high):
    slope = 1 / (high - low)
    return None, slope, -slope


def _normal_log(xp, sample, mu, sigma):
    distance = (sample - mu) / sigma
    return -0.5 * distance * distance - xp.log(sigma) - _HALF_LOG_TAU


def _normal(xp, sample, mu, sigma, *, is_log: bool = False):
    return _evaluate(_normal_log, xp, sample, (mu, sigma), is_log)


def _normal_slopes(F, sample, mu, sigma):
    distance = (sample - mu) / sigma
    return -distance / sigma, distance / sigma, (distance * distance - 1) / sigma


def _gamma_log(xp, sample, alpha, beta):
    return alpha * xp.log(beta) + (alpha - 1) * xp.log(sample) - beta * sample - log_gamma(xp, alpha)


def _gamma(xp, sample, alpha, beta, *, is_log: bool = False):
    return _evaluate(_gamma_log, xp, sample, (alpha, beta), is_log)


def _gamma_slopes(F, sample, alpha, beta):
    by_alpha = F.log(beta) + F.log(sample) - F._digamma(alpha)
    return (alpha - 1) / sample - beta, by_alpha, alpha / beta - sample


def _exponential_log(xp, sample, lam):
    return xp.log(lam) - lam * sample


def _exponential(xp, sample, lam, *, is_log: bool = False):
    return _evaluate(_exponential_log, xp, sample, (lam,), is_log)


def _exponential_slopes(F, sample, lam):
    return -lam, 1 / lam - sample


def _poisson_log(xp, sample, lam):
    return sample * xp.log(lam) - lam - log_gamma(xp, sample + 1)


def _poisson(xp, sample, lam, *, is_log: bool = False):
    return _evaluate(_poisson_log, xp, sample, (lam,), is_log)


def _poisson_slopes(F, sample, lam):
    return None, sample / lam - 1


def _negative_binomial_log(xp, sample, k, p):
    ways = log_gamma(xp, sample + k) - log_gamma(xp, k) - log_gamma(xp, sample + 1)
    return ways + k * xp.log(p) + sample * xp.log(1 - p)


def _negative_binomial(xp, sample, k, p, *, is_log: bool = False):
    return _evaluate(_negative_binomial_log, xp, sample, (k, p), is_log)


def _negative_binomial_slopes(F, sample, k, p):
    return None, F._digamma(sample + k) - F._digamma(k) + F.log(p), k / p - sample / (1 - p)


def _generalized_log(xp, sample, mu, alpha):
    return _negative_binomial_log(xp, sample, 1 / alpha, 1 / (mu * alpha + 1))


def _generalized(xp, sample, mu, alpha, *, is_log: bool = False):
    return _evaluate(_generalized_log, xp, sample, (mu, alpha), is_log)


def _generalized_slopes(F, sample, mu, alpha):
    p = 1 / (mu * alpha + 1)
    _, by_k, by_p = _negative_binomial_slopes(F, sample, 1 / alpha, p)
    return None, -by_p * alpha * p * p, -by_p * mu * p * p - by_k / (alpha * alpha)


_declare("uniform", "Density of the uniform distribution on [low, high)", _uniform, _uniform_slopes)
_declare("normal", "Density of the normal distribution of mean mu and deviation sigma", _normal, _normal_slopes)
_declare("gamma", "Density of the gamma distribution of shape alpha and rate beta", _gamma, _gamma_slopes)
_declare("exponential", "Density of the exponential distribution of rate lam", _exponential, _exponential_slopes)
_declare("poisson", "Probability of counts with the Poisson distribution of rate lam", _poisson, _poisson_slopes,
         counts=True)  # fmt: skip
_declare("negative_binomial", "Probability of so many successes before k failures, each of probability p",
         _negative_binomial, _negative_binomial_slopes, counts=True, low=0.2, high=0.8)  # fmt: skip
_declare("generalized_negative_binomial",
         "Probability of counts with the negative binomial distribution of mean mu and dispersion alpha",
         _generalized, _generalized_slopes, counts=True)  # fmt: skip
