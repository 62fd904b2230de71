"""The operators that are also methods of NDArray, such as `a.sum(axis=1)`; importing this module installs them."""

import math
from collections.abc import Callable
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.assembly import split_v2, to_dlpack
from mxtrain.ndarray.operators import functions
from mxtrain.ops import exists
from mxtrain.ops.method_names import OPERATOR_METHODS
from mxtrain.ops.reshape import target_shape
from mxtrain.ops.shapes import normalize_axis


def _method(name: str) -> Callable[..., Any]:
    function = getattr(functions, name)

    def method(self: NDArray, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"NDArray.{name}"
    method.__doc__ = function.__doc__
    return method


def transpose(self: NDArray, *axes: Any, **kwargs: Any) -> Any:
    """The array with its axes permuted; in reverse order by default. `axes`: a tuple, or several integers."""
    if len(axes) == 1 and isinstance(axes[0], (tuple, list)):
        axes = tuple(axes[0])
    return functions.transpose(self, axes=axes or kwargs.get("axes", ()))


def reshape(self: NDArray, *shape: Any, **kwargs: Any) -> Any:
    """A view of the same memory with another shape.

    shape: a tuple or several integers; 0 keeps an axis, -1 takes what is left, -2 all remaining axes, -3 merges two,
    -4 splits one. reverse: read the codes from the right. Source: MXNet 1.9.1's `reshape`.
    """
    target: Any = shape
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        target = tuple(shape[0])
    elif not shape:
        target = kwargs.pop("shape", None)
        if target is None:
            raise ArgumentTypeError("NDArray.reshape: expected a shape. Received: none.")
    reverse = kwargs.pop("reverse", False)
    if kwargs:
        raise ArgumentTypeError(f"NDArray.reshape: expected shape and reverse. Received: {sorted(kwargs)}.")
    if self._entry is not None:
        return functions.Reshape(self, shape=target, reverse=reverse)
    codes = (target,) if isinstance(target, int) else tuple(target) or (1,)
    return self.view(self._data.reshape(target_shape(self.shape, codes, reverse)))


def _in_place_if(inplace: bool, self: NDArray, result_shape: tuple[int, ...], function: Any, **params: Any) -> NDArray:
    """A view of another shape where asked for, else the operator's copy."""
    if inplace and self._entry is None:
        return self.view(self._data.reshape(result_shape))
    copied: NDArray = function(self, **params)
    return copied


def expand_dims(self: NDArray, axis: int, inplace: bool = False) -> NDArray:
    """The array with a new axis of size 1 at position `axis`. inplace: a view of the same memory."""
    at = normalize_axis(axis, self.ndim + 1)
    shape = (*self.shape[:at], 1, *self.shape[at:])
    return _in_place_if(inplace, self, shape, functions.expand_dims, axis=axis)


def squeeze(self: NDArray, axis: Any = None, inplace: bool = False) -> NDArray:
    """The array without axes of size 1: all of them, or those in `axis`. inplace: a view of the same memory."""
    squeezed: NDArray = functions.squeeze(self, axis=axis)
    return self.view(self._data.reshape(squeezed.shape)) if inplace and self._entry is None else squeezed


def flatten(self: NDArray, inplace: bool = False) -> NDArray:
    """All axes but the first merged into one. inplace: a view of the same memory."""
    rest = math.prod(self.shape[1:])
    return _in_place_if(inplace, self, (self.shape[0], rest), functions.flatten)


def broadcast_to(self: NDArray, shape: Any) -> NDArray:
    """The array repeated to a shape, which may have more axes in front. Raises ArgumentError where it does not fit."""
    target = (shape,) if isinstance(shape, int) else tuple(shape)
    lead = len(target) - self.ndim
    source = self.reshape((1,) * lead + self.shape) if lead > 0 else self
    result: NDArray = functions.broadcast_to(source, shape=target)
    return result


def broadcast_like(self: NDArray, other: NDArray) -> NDArray:
    """The array repeated to the shape of another, which may have more axes in front."""
    return broadcast_to(self, other.shape)


def diag(self: NDArray, k: int = 0, **kwargs: Any) -> NDArray:
    """The k-th diagonal, or the matrix that has the array on it: see `mx.nd.diag`."""
    result: NDArray = functions.diag(self, k=k, **kwargs)
    return result


def slice_assign(self: NDArray, rhs: NDArray, begin: Any, end: Any, step: Any) -> NDArray:
    """Write rhs into the box self[begin:end:step]; returns self."""
    written: NDArray = functions._slice_assign(self, rhs, begin=begin, end=end, step=step, out=self)
    return written


def slice_assign_scalar(self: NDArray, value: float, begin: Any, end: Any, step: Any) -> NDArray:
    """Fill the box self[begin:end:step] with a number; returns self."""
    written: NDArray = functions._slice_assign_scalar(self, scalar=value, begin=begin, end=end, step=step, out=self)
    return written


def tostype(self: NDArray, stype: str) -> NDArray:
    """The array in a storage type: "default", "row_sparse" or "csr"; a dense array itself where it is to be dense.

    Raises ArgumentError for csr of an array that is no matrix, and between row_sparse and csr, as MXNet does.
    """
    if stype == self.stype == "default":
        return self
    if self.stype != "default" and stype not in ("default", self.stype):
        raise ArgumentError(f'Expected: "default" or {self.stype!r}. Received: tostype({stype!r}).')
    converted: NDArray = functions.cast_storage(self, stype=stype)
    return converted


_SPECIAL_METHODS = (
    transpose,
    reshape,
    expand_dims,
    squeeze,
    flatten,
    broadcast_to,
    broadcast_like,
    diag,
    slice_assign,
    slice_assign_scalar,
    split_v2,
    tostype,
)


def _install() -> None:
    for name in (*OPERATOR_METHODS, "_copy"):
        if exists(name):
            setattr(NDArray, name, _method(name))
    for function in _SPECIAL_METHODS:
        setattr(NDArray, function.__name__, function)
    setattr(NDArray, "to_dlpack_for_read", to_dlpack)
    setattr(NDArray, "to_dlpack_for_write", to_dlpack)


_install()
