"""Options of NumPy's universal functions: which ones are known, and which values mean the default."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mxtrain.base import ArgumentTypeError

__all__ = ["np_ufunc_legal_option", "wrap_np_binary_func", "wrap_np_unary_func"]

DEFAULTS: dict[str, Any] = {"where": True, "casting": "same_kind", "order": "K", "dtype": None, "subok": True}
CASTINGS = ("no", "equiv", "safe", "same_kind", "unsafe")
DTYPES = ("int8", "uint8", "int32", "int64", "float16", "float32", "float64")


def np_ufunc_legal_option(key: str, value: Any) -> bool:
    """Whether NumPy's universal functions know an option with such a value."""
    if key == "where":
        return True
    if key == "casting":
        return value in CASTINGS
    if key == "order":
        return isinstance(value, str)
    if key == "dtype":
        return _is_dtype(value)
    return key == "subok" and isinstance(value, bool)


def _is_dtype(value: Any) -> bool:
    try:
        return np.dtype(value).name in DTYPES
    except TypeError:
        return False


def _require_defaults(name: str, options: Mapping[str, Any]) -> None:
    """Raise unless options say what is done anyway.

    ArgumentTypeError for unknown names and values, NotImplementedError for those that only NumPy implements.
    """
    for key, value in options.items():
        if key not in DEFAULTS:
            raise ArgumentTypeError(f"{key} is an invalid keyword to function '{name}'")
        if value is DEFAULTS[key] or (isinstance(value, str) and value == DEFAULTS[key]):
            continue
        if np_ufunc_legal_option(key, value):
            raise NotImplementedError(f"{key}={value} is not implemented yet for operator {name}")
        raise ArgumentTypeError(f"{key}={value} not understood for operator {name}")


def wrap_np_unary_func(func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: func(x, out) takes the options of NumPy's universal functions, where they say the default."""

    @functools.wraps(func)
    def wrapped(x: Any, out: Any = None, **kwargs: Any) -> Any:
        _require_defaults(func.__name__, kwargs)
        return func(x, out=out)

    return wrapped


def wrap_np_binary_func(func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: func(x1, x2, out) takes the options of NumPy's universal functions, where they say the default."""

    @functools.wraps(func)
    def wrapped(x1: Any, x2: Any, out: Any = None, **kwargs: Any) -> Any:
        _require_defaults(func.__name__, kwargs)
        return func(x1, x2, out=out)

    return wrapped
