"""Recorded computations as Symbols."""

from typing import Any

from mxtrain.autograd.graph import Call, Output
from mxtrain.base import MXNetError
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ops.parameters import format_value
from mxtrain.symbol.graph import Entry, Node
from mxtrain.symbol.symbol_type import Symbol


def get_symbol(x: NDArray) -> Symbol:
    """The computation that gave an array, as a Symbol.

    Variables are named var0, var1, ...; arrays that no gradient is wanted for null0, null1, ... Raises MXNetError for
    an array that was not recorded, or whose graph a backward has released, and for one that a Python function computed.
    """
    if x._entry is None:
        raise MXNetError("Expected: an array computed under autograd.record(). Received: one that was not recorded.")
    reader = _Reader()
    for call in _in_order(x._entry):
        reader.add(call)
    return Symbol([reader.entry_of(x, x._entry)])


class _Reader:
    """Turns calls into nodes."""

    def __init__(self) -> None:
        self._nodes: dict[Any, Node] = {}
        self._names: dict[str, int] = {}

    def add(self, call: Call) -> None:
        """Make the node of a call, whose inputs have been read already."""
        op = call.op
        if not hasattr(op, "params"):
            raise MXNetError(f"Expected: a computation by operators. Received: {op!r}, which has no symbol.")
        defaults = {name: parameter.default for name, parameter in op.params.items()}
        chosen = {k: v for k, v in call.params.items() if k not in defaults or v != defaults[k]}
        runtime = {"subgraphs": chosen.pop("subgraphs")} if "subgraphs" in chosen else {}
        given = {k: format_value(v) for k, v in chosen.items()}
        arrays, _ = call.require_values()
        inputs = [self.entry_of(array, place) for array, place in zip(arrays, call.entries, strict=True)]
        self._nodes[call] = Node(op, self._name("node_"), inputs, given, runtime)

    def entry_of(self, array: NDArray, place: Any) -> Entry:
        """The node output that an array at a place of the graph stands for."""
        if isinstance(place, Output):
            return Entry(self._nodes[place.call], place.index)
        # a variable is known by its place, a constant by itself
        key, kind = (array, "null") if place is None else (place, "var")
        if key not in self._nodes:
            self._nodes[key] = Node(None, self._name(kind))
        return Entry(self._nodes[key])

    def _name(self, kind: str) -> str:
        number = self._names.get(kind, 0)
        self._names[kind] = number + 1
        return f"{kind}{number}"


def _in_order(last: Any) -> list[Call]:
    """All calls that a place of the graph depends on, each after those that it depends on itself."""
    found: dict[int, Call] = {}
    waiting = [last]
    while waiting:
        place = waiting.pop()
        if isinstance(place, Output) and place.call.order not in found:
            found[place.call.order] = place.call
            waiting += place.call.entries
    return [found[order] for order in sorted(found)]
