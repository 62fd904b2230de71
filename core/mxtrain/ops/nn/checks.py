"""Checks of array inputs that would otherwise broadcast or promote silently."""

from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError


def require_shape(name: str, array: Any, expected: tuple[int, ...]) -> None:
    """Raise ArgumentError unless an input has the shape that follows from the others."""
    if array.shape != expected:
        raise ArgumentError(f"Expected: {name} of shape {expected}. Received: {name} of shape {array.shape}.")


def require_one_dtype(first: Any, *others: Any) -> None:
    """Raise ArgumentTypeError unless all arrays have one element type (MXNet never promotes). None is passed over."""
    dtype = first.dtype
    for other in others:
        if other is not None and other.dtype != dtype:
            raise ArgumentTypeError(
                f"Expected: inputs of one dtype. Received: {dtype.name} and {other.dtype.name}. Convert with astype."
            )
