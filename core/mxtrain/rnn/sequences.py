"""Sequences as one symbol or as a list of steps."""

from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.symbol import Symbol
from mxtrain.symbol.operators import functions

_LAYOUTS = ("NTC", "TNC")


def time_axis(layout: str) -> int:
    """Which axis counts the steps. Raises ArgumentError for an unknown layout."""
    if layout not in _LAYOUTS:
        raise ArgumentError(f"Expected: a layout of {list(_LAYOUTS)}. Received: {layout!r}.")
    return layout.index("T")


def as_steps(inputs: Any, length: int, layout: str) -> list[Any]:
    """The steps of a sequence, each (N, C). Raises ArgumentError unless there are `length`."""
    axis = time_axis(layout)
    if isinstance(inputs, Symbol):
        if len(inputs) != 1:
            raise ArgumentError(f"Expected: a symbol of one output, or a list. Received: {len(inputs)} outputs.")
        return list(functions.split(inputs, axis=axis, num_outputs=length, squeeze_axis=True)) if length else []
    if len(inputs) != length:
        raise ArgumentError(f"Expected: inputs of {length} steps. Received: {len(inputs)}.")
    return list(inputs)


def merged(steps: list[Any], layout: str, merge: bool | None) -> Any:
    """Steps as one symbol in the layout where merge is True, else as they are."""
    if not merge:
        return steps
    axis = time_axis(layout)
    return functions.Concat(*(functions.expand_dims(step, axis=axis) for step in steps), dim=axis)


def as_whole(inputs: Any, length: int, layout: str, wanted: str) -> Any:
    """A sequence as one symbol in the layout `wanted`."""
    axis = time_axis(layout)
    if not isinstance(inputs, Symbol):
        return merged(as_steps(inputs, length, layout), wanted, True)
    return inputs if axis == time_axis(wanted) else functions.SwapAxis(inputs, dim1=0, dim2=1)
