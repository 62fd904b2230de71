"""What tables and pictures of a network are drawn from: its nodes, and the shapes between them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.symbol import Symbol

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """A variable or an operator of a network.

    op: "null" for a variable. inputs: (node number, output number) of each input, in order.
    """

    name: str
    op: str
    attrs: dict[str, str] = field(default_factory=dict)
    inputs: tuple[tuple[int, int], ...] = ()

    @property
    def is_variable(self) -> bool:
        """True for data, labels and parameters."""
        return self.op == "null"


def nodes_of(symbol: Any) -> list[Node]:
    """The nodes of a symbol, inputs before users. Raises ArgumentTypeError for anything but a Symbol."""
    if not isinstance(symbol, Symbol):
        raise ArgumentTypeError(f"symbol must be a Symbol. Received: {type(symbol).__name__}.")
    return [
        Node(node["name"], node["op"], node.get("attrs", {}), tuple((i[0], i[1]) for i in node["inputs"]))
        for node in json.loads(symbol.tojson())["nodes"]
    ]


def inferred_shapes(
    symbol: Symbol, shape: Mapping[str, Shape], dtype: Mapping[str, Any] | None = None
) -> dict[str, Shape]:
    """The shape of each variable and output, by the name that get_internals().list_outputs() gives it.

    Raises ArgumentError where `shape` does not determine them all, or does not fit.
    """
    internals = symbol.get_internals()
    _, shapes, _ = internals.infer_shape(**shape)
    if shapes is None:
        missing = [name for name in symbol.list_arguments() if name not in shape]
        raise ArgumentError(f"Input shape is incomplete. Expected: also shapes of some of {missing}.")
    if dtype is not None:
        internals.infer_type(**dtype)
    return dict(zip(internals.list_outputs(), shapes, strict=True))


def known_shapes(symbol: Symbol) -> dict[str, Shape]:
    """The shapes of variables that follow from the operators' attributes alone."""
    arguments, _, _ = symbol.infer_shape_partial()
    pairs = zip(symbol.list_arguments(), arguments, strict=True)
    return {name: shape for name, shape in pairs if shape and 0 not in shape}


def output_shape(node: Node, output: int, shapes: Mapping[str, Shape]) -> Shape | None:
    """The shape of one output of a node, None where it is not known."""
    names = (node.name,) if node.is_variable else (f"{node.name}_output{output}", f"{node.name}_output")
    return next((shapes[name] for name in names if name in shapes), None)


def without_batch(shape: Shape | None) -> str:
    """A shape as text, such as 3x28x28, without its first axis."""
    return "x".join(str(size) for size in shape[1:]) if shape else ""
