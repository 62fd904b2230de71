"""Gives parameters their first values: from a dictionary, or from an initializer."""

from collections.abc import Callable, Mapping
from typing import Any

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.initializer import InitDesc
from mxtrain.ndarray import NDArray

Arrays = Mapping[str, NDArray]
Initializer = Callable[[InitDesc, NDArray], Any]


def fill(
    arrays: Arrays,
    given: Arrays | None,
    initializer: Initializer | None,
    attributes: Mapping[str, Mapping[str, str]],
    allow_missing: bool,
) -> None:
    """Write first values into `arrays`, in the order of their names (which fixes the random numbers).

    given: values by name, or None; names that `arrays` lacks are passed over. initializer: called with an InitDesc (the
    name, with the symbol's attributes such as `__init__`) for every array where `given` is None, and for those that
    `given` lacks where allow_missing. attributes: of the symbol's nodes, by name.
    Raises MXNetError for a missing value that is not allowed, ArgumentError for one of another shape.
    """
    for name in sorted(arrays):
        array = arrays[name]
        if given is not None and name in given:
            _copy(name, given[name], array)
        elif given is not None and not allow_missing:
            raise MXNetError(
                f"{name} is not presented. Expected: values for all of {sorted(arrays)}. "
                f"Received: {sorted(given)}. Pass allow_missing=True to keep or initialize the others."
            )
        elif initializer is not None:
            initializer(InitDesc(name, attributes.get(name)), array)


def _copy(name: str, value: NDArray, array: NDArray) -> None:
    if value is array:
        return
    if tuple(value.shape) != tuple(array.shape):
        raise ArgumentError(
            f"Expected: the parameter {name!r} of shape {tuple(array.shape)}. Received: shape {tuple(value.shape)}."
        )
    value.copyto(array)
