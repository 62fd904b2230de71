"""Errors and the few types that every layer shares."""

import ctypes
import os
import platform
from typing import Any

import numpy as np

# the type of handles, which MXNet passes to monitors
NDArrayHandle = ctypes.c_void_p


class MXNetError(RuntimeError):
    """Base of every error that mxtrain raises on purpose (the name MXNet scripts catch)."""


class ArgumentError(MXNetError, ValueError):
    """A value, shape or dtype that the called function cannot take."""


class ArgumentTypeError(MXNetError, TypeError):
    """An argument of the wrong Python type, a missing argument or one too many."""


class NameLookupError(MXNetError, KeyError):
    """A name (operator, argument, key, registered class) that does not exist."""

    def __str__(self) -> str:
        # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class IndexRangeError(MXNetError, IndexError):
    """An index outside an axis."""


class NotSupportedForSparseNDArray(MXNetError):
    """An operation that has no meaning for a sparse array."""

    def __init__(self, function: Any, alias: str | None, *args: Any) -> None:
        name = function.__name__ if alias is None else f"{function.__name__} (alias {alias})"
        kinds = ", ".join(type(arg).__name__ for arg in args)
        super().__init__(f"Function {name} is not supported for sparse arrays. Received: {kinds}.")


class NotImplementedForSymbol(MXNetError):
    """An operation of arrays that a Symbol, which has no values, lacks."""

    def __init__(self, function: Any, alias: str | None, *args: Any) -> None:
        name = function.__name__ if alias is None else f"{function.__name__} (alias {alias})"
        super().__init__(f"Function {name} is not implemented for Symbol and only available in NDArray.")


string_types = (str,)
numeric_types = (float, int, np.generic)
integer_types = (int, np.int32, np.int64)
mx_real_t = np.float32


def py_str(value: bytes | str) -> str:
    """Text from bytes in UTF-8."""
    return value if isinstance(value, str) else value.decode()


def _as_list(value: Any) -> list[Any]:
    """A list or tuple as a list; anything else as a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def data_dir_default() -> str:
    """Where downloaded data lies unless MXNET_HOME says otherwise."""
    if platform.system() == "Windows":
        return os.path.join(os.environ.get("APPDATA", ""), "mxnet")
    return os.path.join(os.path.expanduser("~"), ".mxnet")


def data_dir() -> str:
    """Where downloaded data lies: the environment variable MXNET_HOME, else `data_dir_default()`."""
    return os.environ.get("MXNET_HOME", data_dir_default())
