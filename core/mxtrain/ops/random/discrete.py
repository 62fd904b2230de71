"""Random integers, draws from a list of probabilities, and random order."""

import math
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.kernels import blocks, random_numbers
from mxtrain.ops.kernels.precision import deliver
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, ZERO_GRADIENT, Case, operator
from mxtrain.ops.parameters import DType, Shape
from mxtrain.ops.random.samplers import drawn_shape

INT32 = np.dtype(np.int32)


@operator("_random_randint", "random_randint", cases=[Case({"low": -2, "high": 5}, shape=(2, 3))])
class RandInt:
    """Random integers in [low, high). shape: that of the output, (1,) by default. dtype: int32 by default, or int64."""

    infer_shape = drawn_shape
    gradient = ZERO_GRADIENT

    def infer_type(ins, outs, p):
        return ins, [p.dtype or outs[0] or INT32]

    def forward(xp, *, low: int, high: int, shape: Shape = (), dtype: DType | None = None, rng, out=None):
        if out is not None:
            shape, dtype = out.shape, out.dtype
        dtype = dtype or INT32
        if dtype.kind not in "iu" or low >= high:
            raise ArgumentError(f"Expected: low < high and an integer dtype. Received: {low}, {high}, {dtype.name}.")
        shape = tuple(shape) or (1,)
        fits = np.can_cast(np.min_scalar_type(low), INT32) and np.can_cast(np.min_scalar_type(high - 1), INT32)
        drawn = INT32 if fits else np.dtype(np.int64)
        if not blocks.is_large(xp, math.prod(shape)):
            return deliver(rng.generator.integers(low, high, shape, drawn), out, dtype)
        result = np.empty(shape, dtype) if out is None else out

        def draw(generator, part):
            part[...] = generator.integers(low, high, part.shape, drawn)

        random_numbers.fill(rng, result, draw)
        return result


@operator(
    "_sample_multinomial",
    "sample_multinomial",
    cases=[
        Case(data=np.array([[0.2, 0.8], [1.0, 0.0]]), shape=(3,), differentiable=False),
        Case(data=(2, 3), shape=(4,), get_prob=True, dtype="float32", low=0.3, high=0.9),
    ],
)
class SampleMultinomial:
    """Random indices, each with the probability that stands at its place on the last axis of data.

    data: (..., K), floating; sums that are not 1 are scaled to 1. shape: how many draws from each row; one by default.
    get_prob: give the logarithm of the drawn index's probability too (dtype of data), through which a gradient flows.
    Outputs: indices of shape (..., *shape), dtype int32 by default; the logarithms in the same shape.
    """

    def outputs(p):
        return ["output0", "output1"] if p.get_prob else ["output"]

    def infer_shape(ins, outs, p):
        if ins[0] is None:
            return ins, outs
        return ins, [shapes.unify(_draws_shape(ins[0], p.shape), out) for out in outs]

    def infer_type(ins, outs, p):
        return ins, [p.dtype, ins[0]][: len(outs)]

    def forward(xp, data, *, shape: Shape = (), get_prob: bool = False, dtype: DType = INT32, rng):
        num_outcomes = data.shape[-1]
        rows = data.reshape(-1, num_outcomes)
        result = _draws_shape(data.shape, shape)
        picked = _draw_rows(xp, rng.generator, rows, math.prod(shape))
        indices = picked.reshape(result).astype(dtype)
        if not get_prob:
            return (indices,)
        drawn = rows[xp.arange(len(rows))[:, None], picked]
        return indices, xp.log(drawn).reshape(result)

    differentiable_once = "the logarithm's second derivative at drawn places has no operator, and MXNet has none"

    def gradient(F, gy, y, data, *, get_prob, shape, dtype):
        return F._sample_multinomial_gradient(gy[1], y[0], data) if get_prob else F.zeros_like(data)


def _draws_shape(shape: tuple[int, ...], draws: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-1], *draws) or (1,)


def _draw_rows(xp: Any, generator: Any, rows: Any, count: int) -> Any:
    """`count` random positions in each row of weights. rows: (R, K). Output: (R, count)."""
    heights = xp.cumsum(rows.astype(np.float64), axis=1)
    total = heights[:, -1:]
    if not bool(xp.all((total > 0) & xp.isfinite(total))) or bool(xp.any(rows < 0)):
        raise ArgumentError("Expected: rows of probabilities >= 0 whose sum is above 0. Received: others.")
    # all rows as one rising sequence, so that one search serves them
    offset = xp.arange(len(rows))[:, None]
    ladder = (heights / total + offset).reshape(-1)
    wanted = generator.random((len(rows), count)) + offset
    found = xp.searchsorted(ladder, wanted.reshape(-1), side="right").reshape(wanted.shape)
    return xp.clip(found - offset * rows.shape[1], 0, rows.shape[1] - 1)


@operator(
    "_sample_multinomial_gradient",
    cases=[Case(gy=(2, 3), indices=np.array([[0, 1, 1], [1, 1, 1]]), data=(2, 2), low=0.3, differentiable=False)],
)
class SampleMultinomialGradient:
    """gy / data added at the drawn positions: the gradient of a drawn log-probability by data. Output: as data."""

    def infer_shape(ins, outs, p):
        data = shapes.unify(ins[2], outs[0])
        return [*ins[:2], data], [data]

    def infer_type(ins, outs, p):
        return ins, [ins[2]]

    def forward(xp, gy, indices, data):
        rows = data.reshape(-1, data.shape[-1])
        positions = indices.reshape(len(rows), -1).astype(np.int64)
        row_numbers = xp.arange(len(rows))[:, None]
        result = xp.zeros_like(rows)
        xp.add.at(result, (row_numbers, positions), gy.reshape(positions.shape) / rows[row_numbers, positions])
        return result.reshape(data.shape)

    gradient = NOT_DIFFERENTIABLE


@operator("_shuffle", "shuffle", cases=[Case(data=(4, 2), differentiable=False)])
class Shuffle:
    """The parts of data along its first axis in random order. Output: shape and dtype of data."""

    infer_shape = shapes.same
    gradient = NOT_DIFFERENTIABLE

    def forward(xp, data, *, rng):
        # cupy's generator has no permutation
        return data[xp.argsort(rng.generator.random(len(data)))]
