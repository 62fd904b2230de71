"""Classes drawn from the log-uniform (Zipfian) distribution."""

import math
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import types
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, Case, operator
from mxtrain.ops.parameters import Shape


@operator("_sample_unique_zipfian", cases=[Case(range_max=50, shape=(3, 7)), Case(range_max=2, shape=(1, 2))])
class SampleUniqueZipfian:
    """Rows of different classes, drawn as if with replacement until there are enough.

    A draw gives class c of [0, range_max) with the probability (log(c + 2) - log(c + 1)) / log(range_max + 1).
    shape: (rows, classes per row). Outputs, both int64: the classes in the order in which they first came, `shape`; how
    many draws each row took, (rows,). Source: MXNet 1.9.1's `_sample_unique_zipfian`.
    """

    outputs = ("samples", "num_tries")
    infer_type = types.outputs_are(np.int64)
    gradient = NOT_DIFFERENTIABLE

    def infer_shape(ins, outs, p):
        rows, count = _two_axes(p.shape)
        return ins, [(rows, count), (rows,)]

    def forward(xp, *, range_max: int, shape: Shape = (), rng):
        rows, count = _two_axes(shape)
        if count > range_max:
            raise ArgumentError(f"Expected: at most range_max={range_max} classes per row. Received: shape={shape}.")
        samples, tries = xp.empty((rows, count), np.int64), xp.empty((rows,), np.int64)
        for row in range(rows):
            samples[row], tries[row] = _different(xp, rng.generator, range_max, count)
        return samples, tries


def _two_axes(shape):
    if len(shape) != 2 or min(shape) < 1:
        raise ArgumentError(f"Expected: shape=(rows, classes per row). Received: {shape}.")
    return shape


def _different(xp: Any, generator: Any, range_max: int, count: int) -> tuple[Any, int]:
    """The first `count` different classes of a row of draws, and how many draws these took."""
    drawn = xp.empty((0,), np.int64)
    while True:
        # the row grows with itself: rare classes may take long
        exponents = generator.random(2 * count + len(drawn)) * math.log(range_max + 1)
        drawn = xp.concatenate([drawn, xp.exp(exponents).astype(np.int64) - 1])
        drawn %= range_max  # rounding may give range_max itself
        _, first = xp.unique(drawn, return_index=True)
        if len(first) >= count:
            first = xp.sort(first)[:count]
            return drawn[first], int(first[-1]) + 1


def rand_zipfian(F: Any, true_classes: Any, num_sampled: int, range_max: int, **device: Any) -> tuple[Any, Any, Any]:
    """The formula of `contrib.rand_zipfian`, in operators F.

    Returns `num_sampled` classes of [0, range_max), int64; how often each of true_classes is expected among as many
    draws; and each drawn class. Both float64.
    """
    log_range = math.log(range_max + 1)
    exponents = F._random_uniform(low=0, high=log_range, shape=(num_sampled,), dtype="float64", **device)
    sampled = (F.exp(exponents) - 1).astype("int64") % range_max

    def expected_count(classes: Any) -> Any:
        classes = classes.astype("float64")
        return F.log((classes + 2.0) / (classes + 1.0)) / log_range * num_sampled

    return sampled, expected_count(true_classes), expected_count(sampled)
