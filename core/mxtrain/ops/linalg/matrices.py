"""What the operators on matrices share: shape rules, the precision they compute in, and transposition."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.ops import shapes
from mxtrain.ops.types import require_floating


def require_square(shape: tuple[int, ...]) -> None:
    """Raise ArgumentError unless the last two axes form square matrices (sizes may be -1)."""
    if len(shape) < 2 or (shape[-1] != shape[-2] and -1 not in shape[-2:]):
        raise ArgumentError(f"Expected: square matrices, (..., n, n). Received: shape {shape}.")


def square(shape: shapes.PartialShape) -> shapes.PartialShape:
    """The shape of square matrices, where one known size tells the other."""
    if shape is None:
        return None
    require_square(shape)
    size = max(shape[-2:])
    return (*shape[:-2], size, size)


def same_square(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """All inputs and outputs are square matrices of one shape."""
    shape = square(shapes.unify_all([*ins, *outs]))
    return [shape] * len(ins), [shape] * len(outs)


def per_matrix(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one number per matrix; (1,) for a single matrix."""
    return shape[:-2] or (1,)


def one_per_matrix(ins: shapes.Shapes, outs: shapes.Shapes, p: Any) -> tuple[shapes.Shapes, shapes.Shapes]:
    """The input holds square matrices; every output holds one number per matrix."""
    if ins[0] is None:
        return ins, outs
    shape = square(ins[0])
    return [shape], [shapes.unify(per_matrix(shape), out) for out in outs]


def in_float32_at_least(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make function(xp, *arrays, **p) compute 16-bit floats in float32. Raises ArgumentTypeError for integers."""

    @functools.wraps(function)
    def forward(xp: Any, *arrays: Any, **p: Any) -> Any:
        dtype = arrays[0].dtype
        for array in arrays:
            require_floating(array.dtype)
        if dtype.itemsize >= 4:
            return function(xp, *arrays, **p)
        result = function(xp, *(array.astype(np.float32) for array in arrays), **p)
        if isinstance(result, tuple):
            return tuple(part.astype(dtype) for part in result)
        return result.astype(dtype)

    return forward


def turned(matrices: Any) -> Any:
    """Each matrix transposed. matrices: a backend array."""
    return matrices.swapaxes(-1, -2)


def transposed(F: Any, matrices: Any) -> Any:
    """The same in operators."""
    return F.SwapAxis(matrices, dim1=-1, dim2=-2)


def symmetrized(F: Any, matrices: Any) -> Any:
    """(X + transposed X) / 2, in operators."""
    return (matrices + transposed(F, matrices)) * 0.5


def repeated_over(F: Any, numbers: Any, matrices: Any) -> Any:
    """One number per matrix, repeated over the elements of its matrix, in operators."""
    return F._spread_reduced(numbers, matrices, axis=(-2, -1))
