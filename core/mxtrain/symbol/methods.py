"""The operators that are also methods of Symbol, such as `s.sum(axis=1)`; importing this module installs them."""

import logging
from collections.abc import Callable
from typing import Any

from mxtrain.base import ArgumentError, NotImplementedForSymbol
from mxtrain.ops import exists
from mxtrain.ops.method_names import OPERATOR_METHODS
from mxtrain.symbol import number_functions
from mxtrain.symbol.operators import functions
from mxtrain.symbol.symbol_type import Symbol

BACKENDS = ("MKLDNN", "MKLDNN_QUANTIZE")
_logger = logging.getLogger(__name__)


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


def split_v2(self: Symbol, *args: Any, **kwargs: Any) -> Symbol:
    """The values cut along an axis; see `mx.sym.split_v2`."""
    parts: Symbol = number_functions.split_v2(self, *args, **kwargs)
    return parts


def gradient(self: Symbol, wrt: Any) -> Any:
    """Raises NotImplementedForSymbol, as in MXNet: bind the Symbol, and ask the Executor for gradients."""
    raise NotImplementedForSymbol(gradient, None)


def get_backend_symbol(self: Symbol, backend: str) -> Symbol:
    """The Symbol itself: executors choose kernels, and what to compute together, when they are bound.

    Raises ArgumentError for a backend that MXNet does not have on a CPU either.
    """
    if backend not in BACKENDS:
        raise ArgumentError(f"Expected: a backend of {list(BACKENDS)}. Received: {backend!r}.")
    return self


def optimize_for(
    self: Symbol,
    backend: str,
    args: Any = None,
    aux: Any = None,
    ctx: Any = None,
    shape_dict: Any = None,
    type_dict: Any = None,
    stype_dict: Any = None,
    skip_infer: bool = False,
    **kwargs: Any,
) -> Symbol:
    """The Symbol itself, as `get_backend_symbol`; as in MXNet, an unknown backend is only warned of."""
    if backend not in BACKENDS:
        _logger.warning("Error optimizing for backend %r: cannot be found. Backends: %s.", backend, list(BACKENDS))
    return self


for _name in OPERATOR_METHODS:
    if exists(_name):
        setattr(Symbol, _name, _method(_name))
if exists("transpose"):
    setattr(Symbol, "transpose", _several_or_tuple("transpose", "axes"))
setattr(Symbol, "reshape", _several_or_tuple("reshape", "shape"))
for _function in (astype, split_v2, gradient, get_backend_symbol, optimize_for):
    setattr(Symbol, _function.__name__, _function)
for _name in ("as_in_context", "asnumpy", "asscalar", "backward", "copy", "detach", "wait_to_read"):
    setattr(Symbol, _name, _refused(_name))
