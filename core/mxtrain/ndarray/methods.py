"""The operators that are also methods of NDArray, such as `a.sum(axis=1)`; importing this module installs them."""

from collections.abc import Callable
from typing import Any

from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.operators import functions
from mxtrain.ops import exists
from mxtrain.ops.method_names import OPERATOR_METHODS
from mxtrain.ops.reshape import target_shape

_PRIVATE_METHODS = ("_copy", "_copy_across")


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
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    shape = tuple(shape or kwargs.pop("shape"))
    reverse = kwargs.pop("reverse", False)
    if self._entry is not None:
        return functions.Reshape(self, shape=shape, reverse=reverse)
    return self.view(self._data.reshape(target_shape(self.shape, shape, reverse)))


def _install() -> None:
    for name in (*OPERATOR_METHODS, *_PRIVATE_METHODS):
        if exists(name):
            setattr(NDArray, name, _method(name))
    NDArray.transpose = transpose  # type: ignore[method-assign]
    NDArray.reshape = reshape  # type: ignore[method-assign]


_install()
