"""Whether saved optimizer states are those of an optimizer and its parameters, before anything is overwritten."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.ndarray import NDArray
from mxtrain.optimizer.base import Optimizer


def check_states(
    optimizer: Optimizer, states: Mapping[Hashable, Any], weight_of: Callable[[Any], NDArray | None]
) -> None:
    """Compare states with those that the optimizer makes for the same parameters.

    weight_of: gives a parameter by its index or name, None where there is none. Raises MXNetError naming the parameter.
    """
    name = type(optimizer).__name__
    for key, state in states.items():
        weight = weight_of(key)
        if weight is None:
            raise MXNetError(f"Expected: optimizer states of this model. Received: those of a parameter {key!r}.")
        expected, found = _form(optimizer.create_state_multi_precision(key, weight)), _form(state)
        if expected != found:
            raise MXNetError(
                f"Parameter {key!r}: expected states as {name} has them, {expected}. Received: {found}. "
                "They are of another optimizer or model."
            )


def _form(state: Any) -> list[tuple[tuple[int, ...], str]]:
    """(shape, dtype) of the arrays of a state, depth first."""
    if isinstance(state, NDArray):
        return [(tuple(state.shape), np.dtype(state.dtype).name)]
    if isinstance(state, (tuple, list)):
        return [form for part in state for form in _form(part)]
    return []
