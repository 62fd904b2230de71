"""Functions that make NDArrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentTypeError
from mxtrain.context import Context, current_context
from mxtrain.dtypes import as_dtype
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.ops.shapes import normalize_axis


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape from an integer or a sequence of them."""
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """A new array with the values of `source_array` (an NDArray, a NumPy array, nested lists, a number).

    dtype: the source's where that is an NDArray, else float32. ctx: the current context by default.
    """
    ctx = ctx or current_context()
    if isinstance(source_array, NDArray):
        dtype = source_array._data.dtype if dtype is None else as_dtype(dtype)
        values = source_array.asnumpy()
    else:
        dtype = as_dtype(dtype)
        try:
            values = np.asarray(source_array)
        except (TypeError, ValueError) as error:
            raise ArgumentTypeError(f"Expected: an array or nested lists. Received: {error}.") from error
        if values.dtype == object:
            raise ArgumentTypeError(f"Expected: numbers. Received: {type(source_array).__name__} of objects.")
    if values.ndim == 0:
        values = values.reshape(1)
    return wrap(ctx.backend.upload(values.astype(dtype, copy=False)), ctx)


def full(shape: Any, val: float, ctx: Context | None = None, dtype: Any = None, out: NDArray | None = None) -> NDArray:
    """A new array filled with `val`; float32 by default. out: an array to fill instead."""
    if out is not None:
        out[:] = val
        return out
    ctx = ctx or current_context()
    if ctx.device_typeid == 2:
        with ctx.backend.active():
            return wrap(ctx.xp.full(as_shape(shape), val, as_dtype(dtype)), ctx)
    return wrap(np.full(as_shape(shape), val, as_dtype(dtype)), ctx)


def zeros(shape: Any, ctx: Context | None = None, dtype: Any = None, stype: str | None = None, **kwargs: Any) -> NDArray:
    """A new array of zeros; float32 by default."""
    ctx = ctx or current_context()
    if ctx.device_typeid == 2:
        with ctx.backend.active():
            return wrap(ctx.xp.zeros(as_shape(shape), as_dtype(dtype)), ctx)
    return wrap(np.zeros(as_shape(shape), as_dtype(dtype)), ctx)


def ones(shape: Any, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """A new array of ones; float32 by default."""
    return full(shape, 1, ctx, dtype)


def empty(shape: Any, ctx: Context | None = None, dtype: Any = None, stype: str | None = None) -> NDArray:
    """A new array whose values are undefined; float32 by default."""
    ctx = ctx or current_context()
    if ctx.device_typeid == 2:
        with ctx.backend.active():
            return wrap(ctx.xp.empty(as_shape(shape), as_dtype(dtype)), ctx)
    return wrap(np.empty(as_shape(shape), as_dtype(dtype)), ctx)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: bool | None = None,
    ctx: Context | None = None,
    dtype: Any = None,
) -> NDArray:
    """Numbers from start (inclusive) to stop (exclusive), each `repeat` times; float32 by default."""
    if stop is None:
        start, stop = 0, start
    return array(np.repeat(np.arange(start, stop, step), repeat), ctx, dtype or np.float32)


def linspace(
    start: float, stop: float, num: int, endpoint: bool = True, ctx: Context | None = None, dtype: Any = None
) -> NDArray:
    """`num` evenly spaced numbers from start to stop (inclusive where endpoint); float32 by default."""
    return array(np.linspace(start, stop, num, endpoint), ctx, dtype or np.float32)


def eye(N: int, M: int = 0, k: int = 0, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """An (N, M) array with ones on the k-th diagonal; M = N by default."""
    return array(np.eye(N, M or N, k), ctx, dtype or np.float32)


def concatenate(arrays: Sequence[NDArray], axis: int = 0, always_copy: bool = True) -> NDArray:
    """Arrays of one context joined along an axis."""
    if len(arrays) == 1 and not always_copy:
        return arrays[0]
    first = arrays[0]
    parts = [a.as_in_context(first.context)._data for a in arrays]
    return wrap(first.context.xp.concatenate(parts, axis=axis), first.context)


def moveaxis(tensor: NDArray, source: Any, destination: Any) -> NDArray:
    """A copy with axes moved to new positions."""
    sources = [normalize_axis(int(axis), tensor.ndim) for axis in np.atleast_1d(source)]
    targets = [normalize_axis(int(axis), tensor.ndim) for axis in np.atleast_1d(destination)]
    axes = [axis for axis in range(tensor.ndim) if axis not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        axes.insert(target, origin)
    moved: NDArray = tensor.transpose(axes=tuple(axes))
    return moved


def from_numpy(ndarray: np.ndarray, zero_copy: bool = True) -> NDArray:
    """An NDArray with a NumPy array's values; shares its memory where zero_copy (C-contiguous only)."""
    if not zero_copy:
        return array(ndarray, dtype=ndarray.dtype)
    if not ndarray.flags.c_contiguous:
        raise ArgumentTypeError("Expected: a C-contiguous array for zero_copy. Received: a strided one.")
    as_dtype(ndarray.dtype)
    shared = ndarray.view()
    ndarray.flags.writeable = False  # as in MXNet: from now on only the NDArray writes
    return wrap(shared, Context("cpu", 0))
