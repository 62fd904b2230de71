"""`a[key]` and `a[key] = value` on NDArrays; importing this module installs them.

As in MXNet 1.9.1: a basic key (integers, slices, None, ...) that selects one contiguous stretch of memory gives a view,
any other key a copy; and a result without axes has the shape (1,).
"""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentTypeError, IndexRangeError, MXNetError
from mxtrain.context import Context
from mxtrain.device import to_numpy
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray, transfer, wrap
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops import find

_BASIC = (int, np.integer, slice, type(None), type(Ellipsis))


def get_item(self: NDArray, key: Any) -> NDArray:
    """The part of the array that `key` selects. Raises IndexRangeError for an index outside its axis."""
    basic = _is_basic(key)
    if recording.mode.recording and self._entry is not None:
        return _recorded(self, key, basic)
    data = self._data
    native = key if basic else _native_key(key, self._ctx)
    try:
        part = data[native]
    except IndexError as error:
        raise _range_error(self, key, error) from None
    if not isinstance(part, np.ndarray) and not hasattr(part, "flags"):
        part = data[native if isinstance(native, tuple) else (native,)][None] if not basic else _one(data, native)
    elif part.ndim == 0:
        part = part.reshape(1)
    if basic and part.flags.c_contiguous and part.base is not None:
        return self.view(part)
    return wrap(part.copy(order="C"), self._ctx)


def set_item(self: NDArray, key: Any, value: Any) -> None:
    """Write `value` (an array that broadcasts to the selection, or a number) into the part that `key` selects."""
    if recording.mode.recording and self._entry is not None:
        raise MXNetError(
            "Expected: no assignment to a recorded array. Received: a[...] = value. Inplace operations are not "
            "supported when recording with autograd."
        )
    data = self._data
    native = key if _is_basic(key) else _native_key(key, self._ctx)
    values = _native_value(value, self._ctx)
    try:
        _assign(self, data, native, values)
    except IndexError as error:
        raise _range_error(self, key, error) from None
    except ValueError as error:
        raise MXNetError(f"Expected: a value that fits a[{key!r}], a.shape={self.shape}. Received: {error}.") from None


def _assign(self: NDArray, data: Any, key: Any, values: Any) -> None:
    target_rank = data[key].ndim if hasattr(data[key], "ndim") else 0
    if hasattr(values, "ndim") and values.ndim > target_rank:
        values = _drop_leading_axes(values, target_rank)
    if self._ctx.device_typeid == 2:
        with self._ctx.backend.active():
            data[key] = values
    else:
        data[key] = values


def _drop_leading_axes(values: Any, rank: int) -> Any:
    """MXNet lets a value have leading axes of size 1 that the selection lacks."""
    while values.ndim > rank and values.shape[0] == 1:
        values = values[0]
    return values


def _one(data: Any, key: Any) -> Any:
    """A view of shape (1,) of the element that a full integer key selects."""
    key = key if isinstance(key, tuple) else (key,)
    *front, last = key
    last = int(last) % data.shape[-1]
    return data[(*front, slice(last, last + 1))]


def _is_basic(key: Any) -> bool:
    if isinstance(key, tuple):
        return all(isinstance(part, _BASIC) and not isinstance(part, bool) for part in key)
    return isinstance(key, _BASIC) and not isinstance(key, bool)


def _native_key(key: Any, ctx: Context) -> Any:
    if isinstance(key, tuple):
        return tuple(_native_part(part, ctx) for part in key)
    return _native_part(key, ctx)


def _native_part(part: Any, ctx: Context) -> Any:
    """One part of an advanced key as the backend takes it: MXNet's index arrays may be floating."""
    if isinstance(part, _BASIC) and not isinstance(part, bool):
        return part
    if isinstance(part, NDArray):
        array = part._data if part._ctx is ctx else transfer(part._data, part._ctx, ctx)
    elif isinstance(part, (np.ndarray, list, tuple, range, bool)):
        array = ctx.xp.asarray(np.asarray(part if not isinstance(part, range) else list(part)))
    else:
        raise ArgumentTypeError(
            f"Expected: an index of integers, slices, None, ..., lists or arrays. Received: {type(part).__name__}."
        )
    return array if array.dtype == np.bool_ or array.dtype.kind in "iu" else array.astype(np.int64)


def _native_value(value: Any, ctx: Context) -> Any:
    if isinstance(value, NDArray):
        return value._data if value._ctx is ctx else transfer(value._data, value._ctx, ctx)
    if isinstance(value, (int, float, np.number, np.bool_)):
        return value
    try:
        return ctx.xp.asarray(np.asarray(value))
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"Expected: an array or a number. Received: {type(value).__name__}.") from error


def _range_error(self: NDArray, key: Any, error: Exception) -> IndexRangeError:
    return IndexRangeError(f"Expected: an index within shape {self.shape}. Received: {key!r} ({error}).")


def _recorded(self: NDArray, key: Any, basic: bool) -> NDArray:
    """The selection through operators, so that its gradient is known."""
    shape = self.shape
    try:
        positions = np.arange(self.size, dtype=np.int64).reshape(shape)[
            key if basic else _host_key(_native_key(key, self._ctx))
        ]
    except IndexError as error:
        raise _range_error(self, key, error) from None
    positions = np.ascontiguousarray(np.atleast_1d(positions))
    flat = invoke(find("Reshape"), (self,), find("Reshape").parse({"shape": (-1,)}))
    index = wrap(self._ctx.backend.upload(positions), self._ctx)
    picked: NDArray = invoke(find("take"), (flat, index), find("take").parse({}))
    return picked


def _host_key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_host_key(part) for part in key)
    return key if isinstance(key, _BASIC) else to_numpy(key)


NDArray.__getitem__ = get_item  # type: ignore[method-assign]
NDArray.__setitem__ = set_item  # type: ignore[method-assign]
