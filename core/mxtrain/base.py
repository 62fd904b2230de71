"""Errors and the few types that every layer shares."""

from typing import Any


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


string_types = (str,)
numeric_types = (int, float)
integer_types = (int,)
