"""The operators that draw from a distribution, three for each: `_random_X` takes numbers as its parameters, `_sample_X`
arrays of them (many distributions at once), and `_random_X_like` the shape of another array.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes, types
from mxtrain.ops.kernels import blocks, random_numbers
from mxtrain.ops.kernels.precision import deliver
from mxtrain.ops.operator import ZERO_GRADIENT, Case, declare_operator
from mxtrain.ops.parameters import DType, Shape
from mxtrain.ops.random.distributions import (
    EXPONENTIAL,
    FLOAT32,
    GAMMA,
    GENERALIZED_NEGATIVE_BINOMIAL,
    NEGATIVE_BINOMIAL,
    NORMAL,
    POISSON,
    UNIFORM,
    Distribution,
)

# arrays that serve every distribution of one or two parameters in the test cases
_EXAMPLES = (np.array([0.3, 0.4], np.float32), np.array([0.5, 0.6], np.float32))


def drawn_type(ins: types.Types, outs: types.Types, p: Any) -> tuple[types.Types, types.Types]:
    """The output has the dtype of the parameter, else that of its target, else float32."""
    return ins, [p.dtype or outs[0] or FLOAT32]


def drawn_shape(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """The output has the shape of the parameter, else that of its target; in a graph, the one that its use asks for."""
    if any(size < 0 for size in p.shape):
        raise ArgumentError(f"Expected: sizes >= 0. Received: shape={p.shape}.")
    return ins, [shapes.unify(tuple(p.shape) or None, outs[0])]


def _sampled_shape(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """The parameters have one shape; the output has it too, followed by the shape of the parameter."""
    shape = shapes.unify_all(ins)
    if shape is None:
        return ins, outs
    return [shape] * len(ins), [shapes.unify((*shape, *p.shape), outs[0])]


def draw_numbers(
    distribution: Distribution, xp: Any, rng: Any, values: tuple[float, ...], shape: Any, dtype: Any, out: Any
) -> Any:
    """A draw of one distribution. shape, dtype: by default those of `out`, else (1,) and float32."""
    distribution.require_valid(xp, values)
    if out is not None:
        shape, dtype = out.shape, out.dtype
    dtype, shape = dtype or FLOAT32, tuple(shape) or (1,)
    if blocks.is_large(xp, math.prod(shape)):
        result = np.empty(shape, dtype) if out is None else out

        def draw(generator: Any, part: np.ndarray) -> None:
            part[...] = distribution.draw(generator, np, part.shape, dtype, *values)

        random_numbers.fill(rng, result, draw)
        return result
    return deliver(distribution.draw(rng.generator, xp, shape, dtype, *values), out, dtype)


def draw_arrays(distribution: Distribution, xp: Any, rng: Any, arrays: Any, shape: Any, dtype: Any) -> Any:
    """A draw of `shape` from each of the distributions whose parameters stand in arrays of one shape."""
    lead = shapes.unify_all([array.shape for array in arrays])
    if any(array.dtype.kind not in "f" for array in arrays):
        raise ArgumentError(f"Expected: floating parameters. Received: {[a.dtype.name for a in arrays]}.")
    distribution.require_valid(xp, arrays)
    spread = [array.reshape(*lead, *(1,) * len(shape)) for array in arrays]
    dtype = dtype or FLOAT32
    return distribution.draw(rng.generator, xp, (*lead, *shape), dtype, *spread).astype(dtype, copy=False)


def draw_like(distribution: Distribution, xp: Any, rng: Any, values: tuple[float, ...], data: Any, out: Any) -> Any:
    """A draw in the shape and dtype of data."""
    return draw_numbers(distribution, xp, rng, values, data.shape, data.dtype, out)


def _declare(
    distribution: Distribution,
    numbers: Callable[..., Any],
    arrays: Callable[..., Any],
    like: Callable[..., Any],
    example: tuple[float, ...],
    *aliases: str,
) -> None:
    name, meaning = distribution.name, distribution.meaning
    given = dict(zip(distribution.parameters, example, strict=True))
    declare_operator(
        f"_random_{name}",
        f"random_{name}",
        *aliases,
        doc=f"Random numbers from {meaning}.\n\nshape: that of the output, (1,) by default. dtype: float32 by default.",
        cases=[Case(given, shape=(2, 3)), Case(shape=(4,), dtype="float64")],
        forward=numbers,
        gradient=ZERO_GRADIENT,
        infer_shape=drawn_shape,
        infer_type=drawn_type,
    )
    declared = declare_operator(
        f"_sample_{name}",
        f"sample_{name}",
        doc=f"Random numbers from several distributions at once, each {meaning}.\n\n"
        "Inputs: the parameters, arrays of one shape, floating. shape: how many numbers from each; one by default. "
        "dtype: float32 by default. Output: the shape of the inputs followed by `shape`.",
        forward=arrays,
        gradient=ZERO_GRADIENT,
        infer_shape=_sampled_shape,
        infer_type=drawn_type,
    )
    declared.cases = (Case(dict(zip(declared.input_names, _EXAMPLES, strict=False)), shape=(2,)),)
    declare_operator(
        f"_random_{name}_like",
        doc=f"Random numbers from {meaning}, in the shape and dtype of data, whose values are unused.",
        cases=[Case(given, data=(2, 3))],
        forward=like,
        gradient=ZERO_GRADIENT,
        infer_shape=shapes.same,
    )


def _uniform(xp, *, low: float = 0.0, high: float = 1.0, shape: Shape = (), dtype: DType | None = None, rng, out=None):
    return draw_numbers(UNIFORM, xp, rng, (low, high), shape, dtype, out)


def _sample_uniform(xp, low, high, *, shape: Shape = (), dtype: DType | None = None, rng):
    return draw_arrays(UNIFORM, xp, rng, (low, high), shape, dtype)


def _uniform_like(xp, data, *, low: float = 0.0, high: float = 1.0, rng, out=None):
    return draw_like(UNIFORM, xp, rng, (low, high), data, out)


def _normal(xp, *, loc: float = 0.0, scale: float = 1.0, shape: Shape = (), dtype: DType | None = None, rng, out=None):
    return draw_numbers(NORMAL, xp, rng, (loc, scale), shape, dtype, out)


def _sample_normal(xp, mu, sigma, *, shape: Shape = (), dtype: DType | None = None, rng):
    return draw_arrays(NORMAL, xp, rng, (mu, sigma), shape, dtype)


def _normal_like(xp, data, *, loc: float = 0.0, scale: float = 1.0, rng, out=None):
    return draw_like(NORMAL, xp, rng, (loc, scale), data, out)


def _gamma(xp, *, alpha: float = 1.0, beta: float = 1.0, shape: Shape = (), dtype: DType | None = None, rng, out=None):
    return draw_numbers(GAMMA, xp, rng, (alpha, beta), shape, dtype, out)


def _sample_gamma(xp, alpha, beta, *, shape: Shape = (), dtype: DType | None = None, rng):
    return draw_arrays(GAMMA, xp, rng, (alpha, beta), shape, dtype)


def _gamma_like(xp, data, *, alpha: float = 1.0, beta: float = 1.0, rng, out=None):
    return draw_like(GAMMA, xp, rng, (alpha, beta), data, out)


def _exponential(xp, *, lam: float = 1.0, shape: Shape = (), dtype: DType | None = None, rng, out=None):
    return draw_numbers(EXPONENTIAL, xp, rng, (lam,), shape, dtype, out)


def _sample_exponential(xp, lam, *, shape: Shape = (), dtype: DType | None = None, rng):
    return draw_arrays(EXPONENTIAL, xp, rng, (lam,), shape, dtype)


def _exponential_like(xp, data, *, lam: float = 1.0, rng, out=None):
    return draw_like(EXPONENTIAL, xp, rng, (lam,), data, out)


def _poisson(xp, *, lam: float = 1.0, shape: Shape = (), dtype: DType | None = None, rng, out=None):
    return draw_numbers(POISSON, xp, rng, (lam,), shape, dtype, out)


def _sample_poisson(xp, lam, *, shape: Shape = (), dtype: DType | None = None, rng):
    return draw_arrays(POISSON, xp, rng, (lam,), shape, dtype)


def _poisson_like(xp, data, *, lam: float = 1.0, rng, out=None):
    return draw_like(POISSON, xp, rng, (lam,), data, out)


def _negative_binomial(xp, *, k: int = 1, p: float = 1.0, shape: Shape = (), dtype: DType | None = None, rng, out=None):
    return draw_numbers(NEGATIVE_BINOMIAL, xp, rng, (k, p), shape, dtype, out)


def _sample_negative_binomial(xp, k, p, *, shape: Shape = (), dtype: DType | None = None, rng):
    return draw_arrays(NEGATIVE_BINOMIAL, xp, rng, (k, p), shape, dtype)


def _negative_binomial_like(xp, data, *, k: int = 1, p: float = 1.0, rng, out=None):
    return draw_like(NEGATIVE_BINOMIAL, xp, rng, (k, p), data, out)


def _generalized(
    xp, *, mu: float = 1.0, alpha: float = 1.0, shape: Shape = (), dtype: DType | None = None, rng, out=None
):
    return draw_numbers(GENERALIZED_NEGATIVE_BINOMIAL, xp, rng, (mu, alpha), shape, dtype, out)


def _sample_generalized(xp, mu, alpha, *, shape: Shape = (), dtype: DType | None = None, rng):
    return draw_arrays(GENERALIZED_NEGATIVE_BINOMIAL, xp, rng, (mu, alpha), shape, dtype)


def _generalized_like(xp, data, *, mu: float = 1.0, alpha: float = 1.0, rng, out=None):
    return draw_like(GENERALIZED_NEGATIVE_BINOMIAL, xp, rng, (mu, alpha), data, out)


_declare(UNIFORM, _uniform, _sample_uniform, _uniform_like, (-1.0, 2.0), "uniform")
_declare(NORMAL, _normal, _sample_normal, _normal_like, (1.0, 2.0), "normal")
_declare(GAMMA, _gamma, _sample_gamma, _gamma_like, (0.5, 2.0))
_declare(EXPONENTIAL, _exponential, _sample_exponential, _exponential_like, (2.0,))
_declare(POISSON, _poisson, _sample_poisson, _poisson_like, (3.0,))
_declare(NEGATIVE_BINOMIAL, _negative_binomial, _sample_negative_binomial, _negative_binomial_like, (3, 0.4))
_declare(GENERALIZED_NEGATIVE_BINOMIAL, _generalized, _sample_generalized, _generalized_like, (2.0, 0.3))
