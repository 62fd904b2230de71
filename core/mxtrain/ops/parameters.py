"""Typed operator parameters: read from an operator's signature, parsed from Python values and from JSON strings."""

import ast
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.dtypes import as_dtype, dtype_name

REQUIRED = inspect.Parameter.empty


class Shape(tuple[int, ...]):
    """Annotation of a parameter that is a tuple of integers; a single integer counts as a tuple of one."""

    __slots__ = ()


class Floats(tuple[float, ...]):
    """Annotation of a parameter that is a tuple of floats."""

    __slots__ = ()


class OptionalInts(tuple[int | None, ...]):
    """Annotation of a parameter that is a tuple of integers, some of which may be None (slice's begin and end)."""

    __slots__ = ()


class DType:
    """Annotation of a parameter that names an element type; its value is a numpy.dtype."""


class Subgraphs(tuple[Any, ...]):
    """Annotation of a parameter that holds the graphs inside an operator; it is never written as text."""

    __slots__ = ()


class Params(types.SimpleNamespace):
    """The values of all parameters of one call, as attributes."""


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError) as error:
        raise ValueError(f"not a Python literal: {text!r}") from error


def _parse_bool(value: Any) -> bool:
    if isinstance(value, str):
        lowered = value.strip().lower()
        if lowered in ("true", "1"):
            return True
        if lowered in ("false", "0"):
            return False
        raise ValueError(value)
    if isinstance(value, (bool, int, np.bool_, np.integer)):
        return bool(value)
    raise ValueError(value)


def _parse_int(value: Any) -> int:
    if isinstance(value, str):
        value = _literal(value.strip().removesuffix("L"))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return int(value)
    return int(value.__index__()) if hasattr(value, "__index__") else _refuse(value)


def _refuse(value: Any) -> typing.NoReturn:
    raise ValueError(value)


def _parse_float(value: Any) -> float:
    if isinstance(value, str):
        return float(value.strip().removesuffix("f"))
    if isinstance(value, (int, float, np.number, np.bool_)):
        return float(value)
    return _refuse(value)


def _parse_tuple(item: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def parse(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str):
            value = _literal(value.replace("L", ""))
        if isinstance(value, (int, float, np.number)):
            return (item(value),)
        return tuple(item(part) for part in value)

    return parse


def _parse_optional_int(value: Any) -> int | None:
    return None if value is None else _parse_int(value)


def _parse_str(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _parse_subgraphs(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else _refuse(value)


_PARSERS: dict[Any, Callable[[Any], Any]] = {
    bool: _parse_bool,
    int: _parse_int,
    float: _parse_float,
    str: _parse_str,
    Shape: _parse_tuple(_parse_int),
    Floats: _parse_tuple(_parse_float),
    OptionalInts: _parse_tuple(_parse_optional_int),
    DType: as_dtype,
    Subgraphs: _parse_subgraphs,
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operator: its name, the annotation that types it and its default."""

    name: str
    annotation: Any
    default: Any
    parse_value: Callable[[Any], Any]
    optional: bool
    choices: tuple[Any, ...] = ()

    def parse(self, value: Any) -> Any:
        """The typed value. Raises ArgumentError (without the operator's name) for one that does not fit."""
        if self.optional and (value is None or value in ("None", "none")):
            return None
        try:
            parsed = self.parse_value(value)
        except (ValueError, TypeError, OverflowError, ArgumentTypeError):
            raise ArgumentError(f"Expected: {self.describe()}. Received: {self.name}={value!r}.") from None
        if self.choices and parsed not in self.choices:
            raise ArgumentError(f"Expected: {self.describe()}. Received: {self.name}={value!r}.")
        return parsed

    def describe(self) -> str:
        """The parameter in words, such as "kernel (a tuple of int)"."""
        if self.choices:
            return f"{self.name}, one of {list(self.choices)}"
        kind = {Shape: "a tuple of int", Floats: "a tuple of float", DType: "a dtype"}.get(self.annotation)
        kind = kind or getattr(self.annotation, "__name__", str(self.annotation))
        return f"{self.name} ({kind}{' or None' if self.optional else ''})"


def read_parameter(name: str, annotation: Any, default: Any) -> Parameter:
    """A Parameter from a signature's annotation.

    Annotations: bool, int, float, str, Shape, Floats, OptionalInts, DType, Subgraphs, Literal[...], or one of them
    `| None`.
    """
    optional = False
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        optional = len(kinds) < len(typing.get_args(annotation))
        (annotation,) = kinds
    if typing.get_origin(annotation) is typing.Literal:
        choices = typing.get_args(annotation)
        return Parameter(name, annotation, default, _PARSERS[type(choices[0])], optional, choices)
    if annotation not in _PARSERS:
        raise TypeError(f"parameter {name!r} has the annotation {annotation!r}, which no parser knows")
    return Parameter(name, annotation, default, _PARSERS[annotation], optional)


def format_value(value: Any) -> str:
    """A parameter's value as the string that MXNet writes into JSON."""
    if isinstance(value, (np.dtype, type)):
        return dtype_name(value)
    if isinstance(value, list):
        return f"[{', '.join(format_value(part) for part in value)}]"
    if isinstance(value, tuple):
        parts = ", ".join(format_value(part) for part in value)
        return f"({parts},)" if len(value) == 1 else f"({parts})"
    return str(value)


# what may stand in a node's attributes beside its parameters: hidden keys and those of the C++ executor
_FOREIGN_KEYS = frozenset(
    ("ctx", "workspace", "cudnn_tune", "cudnn_off", "ctx_group", "lr_mult", "wd_mult", "force_mirroring")
)


def parse_params(
    op_name: str, declared: Mapping[str, Parameter], given: Mapping[str, Any], *, accepts_extra: bool = False
) -> dict[str, Any]:
    """All parameters with parsed values, defaults filled in.

    Raises ArgumentTypeError for an unknown or missing parameter and ArgumentError for a value that does not fit.
    """
    values = {}
    for name in given:
        if name in declared or (name.startswith("__") and name.endswith("__")):
            continue
        if accepts_extra:
            values[name] = given[name]
        elif name not in _FOREIGN_KEYS:
            raise unknown_parameter(op_name, name, declared)
    for name, parameter in declared.items():
        if name in given:
            try:
                values[name] = parameter.parse(given[name])
            except ArgumentError as error:
                raise ArgumentError(f"Operator {op_name!r}: {error}") from None
        elif parameter.default is REQUIRED:
            raise ArgumentTypeError(
                f"Operator {op_name!r}: expected the required parameter {parameter.describe()}. "
                f"Received: {sorted(given) or 'none'}."
            )
        else:
            values[name] = parameter.default
    return values


def unknown_parameter(op_name: str, name: str, known: typing.Iterable[str]) -> ArgumentTypeError:
    """The error for a parameter that the operator does not have, with the nearest one that it has."""
    known = list(known)
    near = get_close_matches(name, known, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ArgumentTypeError(f"Operator {op_name!r}: expected parameters of {known}. Received: {name!r}.{hint}")
