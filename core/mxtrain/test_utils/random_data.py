"""Random shapes and arrays. Shapes and NumPy arrays come from NumPy's global generator, which tests seed."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import array
from mxtrain.test_utils.sparse_data import rand_sparse_ndarray

__all__ = [
    "assign_each",
    "assign_each2",
    "create_2d_tensor",
    "create_vector",
    "rand_coord_2d",
    "rand_ndarray",
    "rand_shape_2d",
    "rand_shape_3d",
    "rand_shape_nd",
    "random_arrays",
    "random_sample",
    "random_uniform_arrays",
]


def rand_shape_2d(dim0: int = 10, dim1: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A shape of two axes, of sizes up to dim0 and dim1."""
    return _rand_shape((dim0, dim1), allow_zero_size)


def rand_shape_3d(dim0: int = 10, dim1: int = 10, dim2: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A shape of three axes, of sizes up to dim0, dim1 and dim2."""
    return _rand_shape((dim0, dim1, dim2), allow_zero_size)


def rand_shape_nd(num_dim: int, dim: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A shape of `num_dim` axes, of sizes up to `dim`."""
    return _rand_shape((dim,) * num_dim, allow_zero_size)


def _rand_shape(largest: Sequence[int], allow_zero_size: bool) -> tuple[int, ...]:
    low = 0 if allow_zero_size else 1
    return tuple(int(np.random.randint(low, size + 1)) for size in largest)


def rand_coord_2d(x_low: int, x_high: int, y_low: int, y_high: int) -> tuple[int, int]:
    """A point (x, y) of integers, low ends inclusive, high ends exclusive."""
    return int(np.random.randint(x_low, x_high)), int(np.random.randint(y_low, y_high))


def random_arrays(*shapes: Sequence[int]) -> Any:
    """float32 NumPy arrays of normally distributed numbers, one per shape; the array itself where there is one shape.

    The shape () gives a number.
    """
    arrays = [np.float32(np.random.normal(size=tuple(shape))) for shape in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def random_uniform_arrays(*shapes: Sequence[int], **kwargs: Any) -> list[np.ndarray]:
    """NumPy arrays of numbers drawn evenly from low (0) to high (1), of `dtype` (float32), one per shape."""
    low, high = kwargs.pop("low", 0.0), kwargs.pop("high", 1.0)
    dtype = kwargs.pop("dtype", np.float32)
    if kwargs:
        raise ArgumentError(f"Expected: low, high and dtype. Received: {sorted(kwargs)}.")
    return [np.random.uniform(low, high, size=tuple(shape)).astype(dtype) for shape in shapes]


def random_sample(population: Sequence[Any], k: int) -> list[Any]:
    """k elements of a sequence in random order, each at most once."""
    return random.sample(list(population), k)


def rand_ndarray(
    shape: Sequence[int],
    stype: str = "default",
    density: float | None = None,
    dtype: Any = None,
    modifier_func: Callable[[Any], Any] | None = None,
    shuffle_csr_indices: bool = False,
    distribution: str | None = None,
    ctx: Context | None = None,
) -> NDArray:
    """An NDArray of normally distributed numbers ("uniform" as distribution: drawn evenly from -1 to 1).

    modifier_func: applied to each element. stype: "row_sparse" or "csr" for what `rand_sparse_ndarray` makes.
    """
    if stype != "default":
        return rand_sparse_ndarray(
            shape, stype, density, dtype, distribution, None, None, modifier_func, shuffle_csr_indices, ctx
        )[0]
    draw = np.random.uniform(-1, 1, tuple(shape)) if distribution == "uniform" else np.random.normal(size=tuple(shape))
    return array(assign_each(draw, modifier_func), ctx, dtype)


def assign_each(the_input: np.ndarray, function: Callable[[Any], Any] | None) -> np.ndarray:
    """A copy of an array with a function applied to each element."""
    if function is None:
        return np.array(the_input)
    return np.vectorize(function, otypes=[the_input.dtype])(the_input)


def assign_each2(input1: np.ndarray, input2: np.ndarray, function: Callable[[Any, Any], Any] | None) -> np.ndarray:
    """A copy of input1 with function(element of input1, element of input2) in each place."""
    if function is None:
        return np.array(input1)
    return np.vectorize(function, otypes=[input1.dtype])(input1, input2)


def create_2d_tensor(rows: int, columns: int, dtype: Any = np.int64) -> NDArray:
    """A (rows, columns) NDArray whose row i is filled with i."""
    return array(np.arange(rows).reshape(rows, 1).repeat(columns, 1), dtype=dtype)


def create_vector(size: int, dtype: Any = np.int64) -> NDArray:
    """An NDArray of the numbers 0 to size - 1."""
    return array(np.arange(size), dtype=dtype)
