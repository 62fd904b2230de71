"""The arguments of KVStore calls: one key or a list of them, and for each key one array or one per device."""

from collections.abc import Sequence
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ndarray import NDArray

Key = int | str


def key_list(key: Any) -> list[Key]:
    """The keys of a call. Raises ArgumentTypeError for one that is neither an integer nor a string."""
    keys = list(key) if isinstance(key, (list, tuple)) else [key]
    for one in keys:
        if not isinstance(one, (int, str)) or isinstance(one, bool):
            raise ArgumentTypeError(f"Expected: keys that are all integers or all strings. Received: {one!r}.")
    return keys


def arrays_per_key(keys: Sequence[Key], values: Any, key: Any, what: str) -> list[list[NDArray]]:
    """For each key the arrays that belong to it, one per device.

    With a single key: an array or a list of them. With a list of keys: a list of as many of these, or a flat list of
    several arrays per key. A key that stands in the list more than once has its arrays joined by the caller.
    """
    single = not isinstance(key, (list, tuple))
    if single:
        return [_as_arrays(values, what)]
    if not isinstance(values, (list, tuple)):
        raise ArgumentTypeError(f"{what}: expected a list, as the keys are. Received: {type(values).__name__}.")
    if len(values) == len(keys):
        return [_as_arrays(value, what) for value in values]
    if keys and len(values) % len(keys) == 0:
        count = len(values) // len(keys)
        return [_as_arrays(values[i * count : (i + 1) * count], what) for i in range(len(keys))]
    raise ArgumentError(f"{what}: expected arrays for {len(keys)} keys. Received: {len(values)}.")


def _as_arrays(value: Any, what: str) -> list[NDArray]:
    arrays = list(value) if isinstance(value, (list, tuple)) else [value]
    for array in arrays:
        if not isinstance(array, NDArray):
            raise ArgumentTypeError(f"{what}: expected NDArrays. Received: {type(array).__name__}.")
    return arrays
