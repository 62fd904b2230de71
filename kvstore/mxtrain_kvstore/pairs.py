"""Arguments of KVStore methods: keys, each with its list of arrays."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ndarray import NDArray

Key = str | int


def paired(key: Any, value: Any, what: str = "value") -> list[tuple[Key, list[NDArray]]]:
    """Each key with its arrays, in the order of the keys; the arrays of a key that comes again join its first.

    key: str, int or a list of them. value: for one key an NDArray or a list of them (one per device); for a list of
    keys a list with as many of these. Raises ArgumentError or ArgumentTypeError for anything else.
    """
    if not isinstance(key, (list, tuple)):
        return [(checked_key(key), _arrays(key, value, what))]
    if not isinstance(value, (list, tuple)) or len(value) != len(key):
        count = len(value) if isinstance(value, (list, tuple)) else type(value).__name__
        raise ArgumentError(f"Expected: a {what} for each of {len(key)} keys. Received: {count}.")
    found: dict[Key, list[NDArray]] = {}
    for single, arrays in zip(key, value, strict=True):
        known = found.setdefault(checked_key(single), [])
        known.extend(_arrays(single, arrays, what))
    return list(found.items())


def checked_key(key: Any) -> Key:
    """A key as str or int. Raises ArgumentTypeError for anything else."""
    if isinstance(key, str):
        return key
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        return int(key)
    raise ArgumentTypeError(f"Expected: a str or an int as a key. Received: {key!r:.100} ({type(key).__name__}).")


def _arrays(key: Any, value: Any, what: str) -> list[NDArray]:
    values: Sequence[Any] = value if isinstance(value, (list, tuple)) else (value,)
    if not values:
        raise ArgumentError(f"Key {key!r}: expected at least one NDArray as {what}. Received: an empty list.")
    for single in values:
        if not isinstance(single, NDArray):
            raise ArgumentTypeError(f"Key {key!r}: expected NDArrays as {what}. Received: {type(single).__name__}.")
    return list(values)


def require_form(key: Key, array: NDArray, shape: tuple[int, ...], what: str) -> None:
    """Raise ArgumentError unless an array has the shape that its key was initialized with."""
    if array.shape != shape:
        raise ArgumentError(f"Key {key!r}: expected {what} of shape {shape}. Received: shape {array.shape}.")


def require_dtype(key: Key, array: NDArray, dtype: Any) -> None:
    """Raise ArgumentTypeError unless a pushed array has the dtype that its key was initialized with."""
    found = array.raw_buffer.dtype
    if found != dtype:
        raise ArgumentTypeError(
            f"Key {key!r}: expected a push of {dtype.name}, as initialized. Received: {found.name}. Cast it first."
        )


def require_float32(key: Hashable, dtype: Any) -> None:
    """Raise ArgumentTypeError unless values of a dtype can be compressed."""
    if dtype != np.float32:
        raise ArgumentTypeError(
            f"Key {key!r}: gradient compression is only supported for float32 parameters. Received: {dtype.name}."
        )


def require_dense(key: Key, sparse: bool) -> None:
    """Raise ArgumentTypeError for sparse values in a store that compresses."""
    if sparse:
        raise ArgumentTypeError(
            f"Key {key!r}: gradient compression for row sparse storage type is not supported. Expected: dense values."
        )
