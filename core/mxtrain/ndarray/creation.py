"""Functions that make NDArrays."""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.context import Context, current_context
from mxtrain.device import host_memory
from mxtrain.dtypes import FLOATING, as_dtype
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.ndarray.sparse_array import wrap_value
from mxtrain.ops.sparse.containers import CSR, STORAGE_TYPES, empty_container


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape from an integer or a sequence of them. Raises ArgumentError for anything else, and negative sizes."""
    try:
        sizes = (shape.__index__(),) if isinstance(shape, (int, np.integer)) else tuple(n.__index__() for n in shape)
    except (TypeError, AttributeError):
        raise ArgumentError(f"Expected: an integer or a tuple of integers as shape. Received: {shape!r}.") from None
    if any(size < 0 for size in sizes):
        raise ArgumentError(f"Expected: sizes >= 0. Received: shape={sizes}.")
    return sizes


def as_numbers(source: Any) -> np.ndarray:
    """A NumPy array of numbers from an array, nested lists or a number. Raises ArgumentTypeError for anything else."""
    try:
        if isinstance(source, (list, tuple)) and any(isinstance(part, NDArray) for part in source):
            source = [part.asnumpy() if isinstance(part, NDArray) else part for part in source]
        values = np.asarray(source)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"Expected: an array or nested lists of numbers. Received: {error}.") from error
    if values.dtype.kind not in "biuf" and values.dtype not in FLOATING:
        raise ArgumentTypeError(f"Expected: numbers. Received: {type(source).__name__} of {values.dtype.name}.")
    return values


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
        values = as_numbers(source_array)
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


def zeros(
    shape: Any,
    ctx: Context | None = None,
    dtype: Any = None,
    stype: str | None = None,
    out: NDArray | None = None,
    **kwargs: Any,
) -> NDArray:
    """A new array of zeros; float32 by default. stype: its storage type. out: an array to fill instead."""
    if out is not None:
        return full(shape, 0, out=out)
    ctx = ctx or current_context()
    if stype not in (None, "default"):
        return _sparse_zeros(stype, as_shape(shape), ctx, as_dtype(dtype))
    if ctx.device_typeid == 2:
        with ctx.backend.active():
            return wrap(ctx.xp.zeros(as_shape(shape), as_dtype(dtype)), ctx)
    return wrap(np.zeros(as_shape(shape), as_dtype(dtype)), ctx)


def _sparse_zeros(stype: Any, shape: tuple[int, ...], ctx: Context, dtype: Any) -> NDArray:
    if stype not in STORAGE_TYPES:
        raise ArgumentError(f"Expected: a storage type of {list(STORAGE_TYPES)}. Received: {stype!r}.")
    if not shape or (stype == CSR and len(shape) != 2):
        raise ArgumentError(f"Expected: two axes for csr, one or more for row_sparse. Received: {stype}, {shape}.")
    with ctx.backend.active():
        return wrap_value(empty_container(ctx.xp, stype, shape, dtype), ctx)


def ones(
    shape: Any, ctx: Context | None = None, dtype: Any = None, out: NDArray | None = None, **kwargs: Any
) -> NDArray:
    """A new array of ones; float32 by default. out: an array to fill instead."""
    return full(shape, 1, ctx, dtype, out)


def empty(shape: Any, ctx: Context | None = None, dtype: Any = None, stype: str | None = None) -> NDArray:
    """A new array whose values are undefined; float32 by default. stype: its storage type; a sparse one is zeros."""
    ctx = ctx or current_context()
    if stype not in (None, "default"):
        return _sparse_zeros(stype, as_shape(shape), ctx, as_dtype(dtype))
    if ctx.device_typeid == 2:
        with ctx.backend.active():
            return wrap(ctx.xp.empty(as_shape(shape), as_dtype(dtype)), ctx)
    return wrap(host_memory.empty(as_shape(shape), as_dtype(dtype)), ctx)


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
    if step == 0:
        raise ArgumentError(f"Expected: a step other than 0. Received: start={start}, stop={stop}, step={step}.")
    dtype = as_dtype(dtype)
    numbers = np.arange(start, stop, step)
    if dtype.kind in "iu":  # integers all along, as in C
        numbers = int(start) + int(step) * np.arange(len(numbers))
    return array(np.repeat(numbers, repeat), ctx, dtype)


def linspace(
    start: float, stop: float, num: int, endpoint: bool = True, ctx: Context | None = None, dtype: Any = None
) -> NDArray:
    """`num` evenly spaced numbers from start to stop (inclusive where endpoint); float32 by default."""
    return array(np.linspace(start, stop, num, endpoint), ctx, dtype or np.float32)


def eye(N: int, M: int = 0, k: int = 0, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """An (N, M) array with ones on the k-th diagonal; M = N by default."""
    return array(np.eye(N, M or N, k), ctx, dtype or np.float32)


def from_numpy(ndarray: np.ndarray, zero_copy: bool = True, array_cls: type[NDArray] = NDArray) -> NDArray:
    """An NDArray with a NumPy array's values; shares its memory where zero_copy. array_cls: the class to make.

    Raises ArgumentError for an array that is not C-contiguous, unless it is copied.
    """
    if not zero_copy:
        copied = array(ndarray, dtype=ndarray.dtype)
        return copied if array_cls is NDArray else array_cls(copied._data, copied.context)
    if not ndarray.flags.c_contiguous:
        raise ArgumentError("Expected: a C-contiguous array for zero_copy. Received: a strided one.")
    as_dtype(ndarray.dtype)
    shared = np.asarray(_Writable(ndarray)) if ndarray.size else ndarray.copy()
    ndarray.flags.writeable = False  # as in MXNet: from now on only the NDArray writes
    ctx = Context("cpu", 0)
    return wrap(shared, ctx) if array_cls is NDArray else array_cls(shared, ctx)


class _Writable:
    """Shows NumPy the memory of an array as writable, whether or not another NDArray has taken the array over."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array  # keeps the memory alive
        facts = array.__array_interface__
        self.__array_interface__ = {**facts, "data": (facts["data"][0], False)}
