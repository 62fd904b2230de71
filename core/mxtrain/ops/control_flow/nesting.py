"""Nested lists of arrays, as the functions of control flow take and return them."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from mxtrain.base import ArgumentError

Form: TypeAlias = "list[Form] | None"  # of one array: None


class StructureError(ArgumentError, AssertionError):
    """Something else where (nested lists of) arrays are asked for, or unused ones: MXNet asserts, scripts may catch."""


def flatten(value: Any, array_type: type, what: str) -> tuple[list[Any], Form]:
    """All arrays in order, and the form in which they were nested. Raises StructureError for anything but arrays."""
    if isinstance(value, array_type):
        return [value], None
    if not isinstance(value, (list, tuple)):
        raise StructureError(
            f"Expected: {what} as (nested lists of) {array_type.__name__}. Received: {type(value).__name__}."
        )
    parts = [flatten(part, array_type, what) for part in value]
    return [array for arrays, _ in parts for array in arrays], [form for _, form in parts]


def regroup(arrays: Sequence[Any], form: Form) -> Any:
    """Arrays nested in a form, as lists; the reverse of `flatten`."""
    remaining = iter(arrays)
    return _take(remaining, form)


def _take(arrays: Iterator[Any], form: Form) -> Any:
    return next(arrays) if form is None else [_take(arrays, part) for part in form]


def as_arguments(arrays: Sequence[Any], form: Form) -> list[Any]:
    """Arrays as the arguments of a function that takes the outermost list as its arguments."""
    nested = regroup(arrays, form)
    return [nested] if form is None else nested


def as_pair(value: Any, function: str) -> tuple[Any, Any]:
    """What a body returned: outputs and states. Raises ArgumentError for anything but two things."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ArgumentError(f"Expected: {function} to return (outputs, states). Received: {type(value).__name__}.")
    return value[0], value[1]


def require_max_iterations(max_iterations: Any) -> int:
    """The bound of a loop. Raises ArgumentError where it is missing or no number."""
    if max_iterations is None:
        raise ArgumentError("max_iterations should be specified: expected an integer. Received: None.")
    try:
        return int(max_iterations)
    except (TypeError, ValueError):
        raise ArgumentError(f"Expected: max_iterations as an integer. Received: {max_iterations!r}.") from None
