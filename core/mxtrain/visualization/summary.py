"""`print_summary`: a network as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mxtrain.visualization.graph import (
    Node,
    Shape,
    inferred_shapes,
    known_shapes,
    nodes_of,
    output_shape,
    without_batch,
)

_TITLES = ("Layer (type)", "Output Shape", "Param #", "Previous Layer")


def print_summary(
    symbol: Any,
    shape: Mapping[str, Shape] | None = None,
    line_length: int = 120,
    positions: Sequence[float] = (0.44, 0.64, 0.74, 1.0),
) -> None:
    """Prints each layer with its output shape (without the batch axis), its number of parameters and its inputs.

    shape: shapes of the inputs; without it only what the operators' attributes tell is shown. positions: where columns
    end, as parts of line_length (or in characters, if the last is above 1). Parameters are counted once, where they are
    used first, by their true shapes (MXNet 1.9.1 counts a layer after a convolution wrongly); running statistics do
    not count.

    Raises ArgumentTypeError for anything but a Symbol, ArgumentError where `shape` does not determine all shapes.
    Source: mxnet.visualization.print_summary of MXNet 1.9.1.
    """
    nodes = nodes_of(symbol)
    shapes = known_shapes(symbol) if shape is None else inferred_shapes(symbol, shape)
    ends = [int(line_length * end) if positions[-1] <= 1 else int(end) for end in positions]
    parameters = _parameters(nodes, shapes, set(symbol.list_auxiliary_states()), set(shape or ()))
    total = sum(count for counts in parameters.values() for count in counts.values())
    print("\n".join(_lines(nodes, shapes, parameters, ends, line_length, total)))  # noqa: T201 - what it is for


def _lines(
    nodes: list[Node],
    shapes: Mapping[str, Shape],
    parameters: Mapping[str, Mapping[str, int]],
    ends: Sequence[int],
    line_length: int,
    total: int,
) -> list[str]:
    """All lines of the table."""
    thin, thick = "_" * line_length, "=" * line_length
    owned = {name for counts in parameters.values() for name in counts}
    rows = [node for node in nodes if not (node.is_variable and _is_hidden(node, owned))]
    lines = [thin, _columns(_TITLES, ends), thick]
    for row in rows:
        previous = [nodes[number].name for number, _ in row.inputs if not _is_hidden(nodes[number], owned)]
        count = sum(parameters.get(row.name, {}).values())
        text = without_batch(output_shape(row, 0, shapes))
        lines.append(_columns((f"{row.name}({row.op})", text, count, previous[0] if previous else ""), ends))
        lines.extend(_columns(("", "", "", name), ends) for name in previous[1:])
        lines.append(thin if row is not rows[-1] else thick)
    return [*lines, f"Total params: {total}", thin]


def _is_hidden(node: Node, owned: set[str]) -> bool:
    """True for variables that have no row of their own: parameters, running statistics and labels."""
    return node.is_variable and (node.name in owned or _is_label(node.name) or _is_statistic(node.name))


def _is_label(name: str) -> bool:
    return name.endswith("label")


def _is_statistic(name: str) -> bool:
    return name.endswith(("_moving_mean", "_moving_var", "_running_mean", "_running_var"))


def _parameters(
    nodes: list[Node], shapes: Mapping[str, Shape], auxiliary: set[str], given: set[str]
) -> dict[str, dict[str, int]]:
    """For each operator, the number of values in each parameter that it is the first to use."""
    counted: set[str] = set()
    found: dict[str, dict[str, int]] = {}
    for node in nodes:
        for position, (number, _) in enumerate(node.inputs):
            variable = nodes[number]
            name = variable.name
            if not variable.is_variable or name in auxiliary or name in given or name in counted or _is_label(name):
                continue
            if position == 0 and not name.startswith(f"{node.name}_"):
                continue  # the data itself
            counted.add(name)
            found.setdefault(node.name, {})[name] = math.prod(shapes[name]) if name in shapes else 0
    return found


def _columns(fields: Sequence[Any], ends: Sequence[int]) -> str:
    """A line with each field cut or filled up to the end of its column."""
    line = ""
    for text, end in zip(fields, ends, strict=True):
        line = (line + str(text))[:end].ljust(end)
    return line
