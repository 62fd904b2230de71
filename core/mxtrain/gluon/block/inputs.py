"""What a block is called with: arrays or symbols, and on which contexts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mxtrain.base import ArgumentError
from mxtrain.context import Context, cpu
from mxtrain.ndarray import NDArray
from mxtrain.symbol import Symbol


class Inputs(NamedTuple):
    """Contexts of the arrays, in order of appearance; none where the inputs are symbols."""

    contexts: list[Context]

    @property
    def context(self) -> Context | None:
        """The first array's context; None for symbols."""
        return self.contexts[0] if self.contexts else None


def inspect_inputs(first: Any, others: Sequence[Any]) -> Inputs:
    """Look at (nested) inputs. Raises ArgumentError where arrays and symbols are mixed, and where there is neither."""
    if not others and isinstance(first, NDArray):
        return Inputs([first._ctx])
    kinds: set[type] = set()
    contexts: dict[Context, None] = {}
    _collect((first, *others), kinds, contexts)
    if len(kinds) > 1:
        raise ArgumentError(
            "In HybridBlock, we do not support mixed NDArrays and Symbols types for the input. Received types are: "
            f"{[type(value) for value in (first, *others)]}."
        )
    if not kinds:
        raise ArgumentError(
            "In HybridBlock, there must be one NDArray or one Symbol in the input. Please check the type of the args.\n"
        )
    return Inputs(list(contexts))


def _collect(values: Sequence[Any], kinds: set[type], contexts: dict[Context, None]) -> None:
    for value in values:
        if isinstance(value, NDArray):
            kinds.add(NDArray)
            contexts[cpu(value.context.device_id) if value.context.device_type != "gpu" else value.context] = None
        elif isinstance(value, Symbol):
            kinds.add(Symbol)
        elif isinstance(value, (list, tuple)):
            _collect(value, kinds, contexts)
