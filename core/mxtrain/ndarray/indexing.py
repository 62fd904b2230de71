"""`a[key]` and `a[key] = value` on NDArrays; importing this module installs them.

As in MXNet 1.9.1: a basic key (integers, slices, None, ...) that selects one contiguous stretch of memory gives a view,
any other key a copy; and a result without axes has the shape (1,), but within `mx.np_shape()`. Boolean arrays select as
in NumPy, which MXNet refuses or misreads.
"""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, IndexRangeError, MXNetError
from mxtrain.context import Context
from mxtrain.device import to_numpy
from mxtrain.device.float_errors import ignoring_float_errors
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray, on_device, transfer, wrap
from mxtrain.ndarray.creation import as_numbers
from mxtrain.ndarray.operators import functions
from mxtrain.util import is_np_shape

_BASIC = (int, np.integer, slice, type(None), type(Ellipsis))


@on_device
def get_item(self: NDArray, key: Any) -> NDArray:
    """The part of the array that `key` selects. Raises IndexRangeError for an index outside its axis."""
    basic = _is_basic(key)
    if recording.mode.recording and self._entry is not None:
        return _recorded_box(self, key) if basic else _recorded_pick(self, key)
    data = self._data
    try:
        if basic:
            part = data[key]
            if isinstance(part, np.generic):  # NumPy gives an element of its own for a full integer key
                part = data[(*key, ...) if isinstance(key, tuple) else (key, ...)]
            if part.ndim == 0 and not is_np_shape():
                part = part.reshape(1)
            return self.view(part) if part.flags.c_contiguous else wrap(part.copy(order="C"), self._ctx)
        picked = self._ctx.xp.atleast_1d(data[_native_key(key, self._ctx)])
    except (IndexError, ValueError, TypeError) as error:
        raise _key_error(self, key, error) from None
    return wrap(picked.copy(order="C") if not picked.flags.c_contiguous or _shares(picked, data) else picked, self._ctx)


def _shares(part: Any, data: Any) -> bool:
    """Whether an advanced key gave a view after all, as a tuple of slices and an empty list does."""
    return part.base is not None and part.base is data


@on_device
def set_item(self: NDArray, key: Any, value: Any) -> None:
    """Write `value` (an array that broadcasts to the selection, or a number) into the part that `key` selects."""
    if recording.mode.recording and self._entry is not None:
        raise MXNetError(
            f"Expected: no assignment to a recorded array. Received: a[...] = value. {recording.IN_PLACE_REFUSED}"
        )
    if recording.mode.recording and isinstance(value, NDArray) and value._entry is not None:
        _recorded_assignment(self, key, value)
        return
    values = _native_value(value, self._ctx)
    if self._data.ndim == 0 and isinstance(key, slice) and key == slice(None):
        key = ()  # a[:] = x means everything, also where there is no axis
    try:
        _assign(self._data, key if _is_basic(key) else _native_key(key, self._ctx), values)
    except (IndexError, TypeError) as error:
        raise _key_error(self, key, error) from None
    except (ValueError, OverflowError) as error:
        raise ArgumentError(f"Expected: a value that fits a[{key!r}] of {self.shape}. Received: {error}.") from None


def _recorded_assignment(self: NDArray, key: Any, value: NDArray) -> None:
    """Overwrite the whole array with a recorded value, so that gradients flow to it."""
    part = self._data[key] if _is_basic(key) else None
    if part is None or part.size != self.size or not part.flags.c_contiguous:
        raise MXNetError(f"Expected: a[:] = recorded array. Received: a[{key!r}] = one. {recording.IN_PLACE_REFUSED}")
    if value.shape != part.shape:
        value = functions.broadcast_to(value, shape=part.shape)
    if value.shape != self.shape:
        value = value.reshape(self.shape)
    functions._copy(value.astype(self.dtype, copy=False), out=self)


@ignoring_float_errors  # numbers that the element type cannot hold are converted as C does
def _assign(data: Any, key: Any, values: Any) -> None:
    if getattr(values, "ndim", 0):
        values = _without_leading_ones(values, np.ndim(data[key]))
    elif data.dtype.kind in "iu" and isinstance(values, (int, float, np.generic)):  # NumPy refuses what does not fit
        values = np.asarray(values).astype(data.dtype)
    data[key] = values


def _without_leading_ones(values: Any, rank: int) -> Any:
    """MXNet lets a value have leading axes of size 1 that the selection lacks."""
    while values.ndim > rank and values.shape[0] == 1:
        values = values[0]
    return values


def _is_basic(key: Any) -> bool:
    if isinstance(key, tuple):
        return all(isinstance(part, _BASIC) and not isinstance(part, bool) for part in key)
    return isinstance(key, _BASIC) and not isinstance(key, bool)


def basic_key_is_contiguous(key: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    """Whether slices, one per axis, select one contiguous stretch of a C-contiguous array of a shape."""
    taken = [range(size)[part] for part, size in zip(key, shape, strict=True)]
    if not all(len(positions) for positions in taken):
        return True
    stride = expected = 1
    for positions, size in zip(reversed(taken), reversed(shape), strict=True):
        if len(positions) > 1 and positions.step * stride != expected:
            return False
        expected *= len(positions)
        stride *= size
    return True


def _native_key(key: Any, ctx: Context) -> Any:
    if isinstance(key, tuple):
        return tuple(_native_part(part, ctx) for part in key)
    return _native_part(key, ctx)


def _native_part(part: Any, ctx: Context) -> Any:
    """One part of an advanced key as the backend takes it: MXNet's index arrays may be floating."""
    if isinstance(part, bool):
        return int(part)
    if isinstance(part, _BASIC):
        return part
    if isinstance(part, NDArray):
        array = part._data if part._ctx is ctx else transfer(part._data, part._ctx, ctx)
    elif isinstance(part, (np.ndarray, list, tuple, range)):
        array = ctx.xp.asarray(as_numbers(part if not isinstance(part, range) else list(part)))
    else:
        raise ArgumentError(
            f"Expected: an index of integers, slices, None, ..., lists or arrays. Received: {type(part).__name__}."
        )
    return array if array.dtype == np.bool_ or array.dtype.kind in "iu" else array.astype(np.int64)


def _native_value(value: Any, ctx: Context) -> Any:
    if isinstance(value, NDArray):
        return value._data if value._ctx is ctx else transfer(value._data, value._ctx, ctx)
    if isinstance(value, (int, float, np.number, np.bool_)):
        return value
    return ctx.xp.asarray(as_numbers(value))


def _key_error(self: NDArray, key: Any, error: Exception) -> MXNetError:
    if isinstance(error, MXNetError):
        return error
    kind = IndexRangeError if isinstance(error, IndexError) else ArgumentError
    return kind(f"Expected: an index that fits shape {self.shape}. Received: {key!r} ({error}).")


# ---------------------------------------------------------------- while recording: through operators


def _recorded_box(self: NDArray, key: Any) -> NDArray:
    """The box that a basic key selects."""
    parts = key if isinstance(key, tuple) else (key,)
    # a stand-in of no size tells the shape of the result
    stand_in = np.broadcast_to(np.False_, self.shape)
    try:
        shape = stand_in[key].shape or (1,)
    except (IndexError, ValueError, TypeError) as error:
        raise _key_error(self, key, error) from None
    if 0 in shape:
        return wrap(self._ctx.xp.empty(shape, self._data.dtype), self._ctx)
    begin, end, step = zip(*_triples(parts, self.ndim), strict=True)
    box = functions.slice(self, begin=begin, end=end, step=step)
    selected: NDArray = functions.Reshape(box, shape=shape)
    return selected


def _triples(parts: tuple[Any, ...], ndim: int) -> list[tuple[int | None, int | None, int | None]]:
    """(begin, end, step) of each axis for a basic key."""
    indices = [part for part in parts if part is not None]
    if Ellipsis in indices:
        at = indices.index(Ellipsis)
        indices[at : at + 1] = [slice(None)] * (ndim - len(indices) + 1)
    indices += [slice(None)] * (ndim - len(indices))
    return [
        (part.start, part.stop, part.step) if isinstance(part, slice) else (int(part), int(part) + 1 or None, None)
        for part in indices
    ]


def _recorded_pick(self: NDArray, key: Any) -> NDArray:
    """The elements that an advanced key selects, taken from the flattened array."""
    positions = np.arange(self.size, dtype=np.int64).reshape(self.shape)
    try:
        wanted = np.atleast_1d(positions[_host_key(_native_key(key, self._ctx))])
    except (IndexError, ValueError, TypeError) as error:
        raise _key_error(self, key, error) from None
    index = wrap(self._ctx.backend.upload(np.ascontiguousarray(wanted)), self._ctx)
    picked: NDArray = functions.take(functions.Reshape(self, shape=(-1,)), index)
    return picked


def _host_key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_host_key(part) for part in key)
    return key if isinstance(key, _BASIC) else to_numpy(key)


NDArray.__getitem__ = get_item  # type: ignore[method-assign]
NDArray.__setitem__ = set_item  # type: ignore[method-assign]
NDArray._basic_indexing_slice_is_contiguous = staticmethod(basic_key_is_contiguous)  # type: ignore[attr-defined]
