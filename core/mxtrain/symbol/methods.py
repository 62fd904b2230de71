"""The operators that are also methods of Symbol, such as `s.sum(axis=1)`; importing this module installs them."""

from collections.abc import Callable
from typing import Any

from mxtrain.base import NotImplementedForSymbol
from mxtrain.ops import exists
from mxtrain.ops.method_names import OPERATOR_METHODS
from mxtrain.symbol.operators import functions
from mxtrain.symbol.symbol_type import Symbol


def _method(name: str) -> Callable[..., Symbol]:
    function = getattr(functions, name)

    def method(self: Symbol, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"Symbol.{name}"
    method.__doc__ = function.__doc__
    return method


def _several_or_tuple(name: str, parameter: str) -> Callable[..., Symbol]:
    """A method whose tuple parameter may also be given as several integers."""
    function = getattr(functions, name)

    def method(self: Symbol, *values: Any, **kwargs: Any) -> Any:
        if len(values) == 1 and isinstance(values[0], (tuple, list)):
            values = tuple(values[0])
        return function(self, **({parameter: values} if values else {}), **kwargs)

    method.__name__ = name
    method.__doc__ = function.__doc__
    return method


def _refused(name: str) -> Callable[..., Symbol]:
    """A method of NDArray that a Symbol, which has no values, lacks."""

    def method(self: Symbol, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedForSymbol(method, None)

    method.__name__ = name
    method.__doc__ = f"Raises NotImplementedForSymbol: only an NDArray has `{name}`."
    return method


def astype(self: Symbol, dtype: Any) -> Symbol:
    """The values converted to another element type."""
    cast: Symbol = functions.cast(self, dtype=dtype)
    return cast


for _name in OPERATOR_METHODS:
    if exists(_name):
        setattr(Symbol, _name, _method(_name))
if exists("transpose"):
    setattr(Symbol, "transpose", _several_or_tuple("transpose", "axes"))
setattr(Symbol, "reshape", _several_or_tuple("reshape", "shape"))
setattr(Symbol, "astype", astype)
for _name in ("as_in_context", "asnumpy", "asscalar", "backward", "copy", "detach", "wait_to_read"):
    setattr(Symbol, _name, _refused(_name))
