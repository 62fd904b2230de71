"""Tests of random-number generators: whether the numbers follow the distribution that they should."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.test_utils.comparison import as_numpy

__all__ = [
    "chi_square_check",
    "gen_buckets_probs_with_ppf",
    "mean_check",
    "var_check",
    "verify_generator",
]

Generator = Callable[[int], Any]


def gen_buckets_probs_with_ppf(
    ppf: Callable[[float], float], nbuckets: int
) -> tuple[list[tuple[float, float]], list[float]]:
    """Intervals of equal probability, and these probabilities. ppf: the inverse of the cumulative distribution."""
    edges = [ppf(i / nbuckets) for i in range(nbuckets + 1)]
    return list(itertools.pairwise(edges)), [1 / nbuckets] * nbuckets


def mean_check(generator: Generator, mu: float, sigma: float, nsamples: int = 1000000) -> bool:
    """Whether the mean of generator(nsamples) lies within three standard errors of `mu`."""
    samples = as_numpy(generator(nsamples)).astype(np.float64)
    return bool(abs(samples.mean() - mu) < 3 * sigma / math.sqrt(samples.size))


def var_check(generator: Generator, sigma: float, nsamples: int = 1000000) -> bool:
    """Whether the variance of generator(nsamples) lies within three standard errors of sigma^2 (normal numbers)."""
    samples = as_numpy(generator(nsamples)).astype(np.float64)
    error = math.sqrt(2 * sigma**4 / (samples.size - 1))
    return bool(abs(samples.var(ddof=1) - sigma**2) < 3 * error)


def chi_square_check(
    generator: Generator, buckets: Sequence[Any], probs: Sequence[float], nsamples: int = 1000000
) -> tuple[float, np.ndarray, np.ndarray]:
    """Pearson's chi-square test: (p value, observed counts, expected counts).

    buckets: ascending (low, high) intervals that cover the range of continuous numbers, or all values of discrete ones.
    probs: the probability of each. A p value below 0.05 speaks against the generator.
    """
    if not buckets or len(buckets) != len(probs):
        raise ArgumentError(f"Expected: one probability per bucket. Received: {len(probs)} for {len(buckets)}.")
    samples = as_numpy(generator(nsamples)).ravel()
    expected = np.asarray(probs, np.float64) * samples.size
    if isinstance(buckets[0], (tuple, list)):
        observed = _count_in_intervals(samples, buckets)
    else:
        observed = np.array([(samples == value).sum() for value in buckets])
    # what lies in no bucket speaks against the generator like a bucket of probability 0 would
    if observed.sum() < samples.size and math.isclose(sum(probs), 1, abs_tol=1e-6):
        return 0.0, observed, expected
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return chi_square_tail(statistic, len(buckets) - 1), observed, expected


def _count_in_intervals(samples: np.ndarray, buckets: Sequence[Any]) -> np.ndarray:
    ordered = np.sort(samples)
    ends = [np.searchsorted(ordered, edge) for edge in (*(low for low, _ in buckets), buckets[-1][1])]
    ends[-1] = np.searchsorted(ordered, buckets[-1][1], side="right")
    return np.diff(ends)


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The probability that a chi-square variable of `freedom` degrees of freedom exceeds a statistic.

    Source: Abramowitz and Stegun, 26.4.4 and 26.4.5: finite sums for odd and even degrees of freedom.
    """
    if statistic <= 0:
        return 1.0
    half = statistic / 2
    # in logarithms, since exp(-half) may underflow where the sum is large
    if freedom % 2 == 0:
        terms = [i * math.log(half) - math.lgamma(i + 1) - half for i in range(freedom // 2)]
        return min(1.0, math.fsum(math.exp(term) for term in terms))
    terms = [(i + 0.5) * math.log(half) - math.lgamma(i + 1.5) - half for i in range((freedom - 1) // 2)]
    return min(1.0, math.erfc(math.sqrt(half)) + math.fsum(math.exp(term) for term in terms))


def verify_generator(
    generator: Generator,
    buckets: Sequence[Any],
    probs: Sequence[float],
    nsamples: int = 1000000,
    nrepeat: int = 5,
    success_rate: float = 0.2,
    alpha: float = 0.05,
) -> list[float]:
    """Repeat `chi_square_check`; returns its p values.

    Raises AssertionError where the share of repetitions with a p value above alpha is below success_rate.
    """
    results = [chi_square_check(generator, buckets, probs, nsamples) for _ in range(nrepeat)]
    passed = sum(p > alpha for p, _, _ in results)
    if passed < nrepeat * success_rate:
        counts = "\n".join(f"p={p:g}, observed {list(observed)}" for p, observed, _ in results)
        raise AssertionError(
            f"Expected: p > {alpha} in {success_rate:.0%} of {nrepeat} repetitions. Received: {passed}.\n"
            f"Buckets: {list(buckets)}, expected counts: {list(results[0][2])}\n{counts}"
        )
    return [p for p, _, _ in results]
