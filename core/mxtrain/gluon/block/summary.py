"""`Block.summary`: the layers of a network as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from mxtrain.gluon.block.nesting import flatten
from mxtrain.gluon.errors import CheckError
from mxtrain.symbol import Symbol

if TYPE_CHECKING:
    from mxtrain.gluon.block.block_type import Block

WIDTH = 80


@dataclass
class _Row:
    """One line: a layer's name, the shapes of its outputs, its parameters."""

    name: str
    shapes: str
    num_params: int = 0


class _Table:
    """Collects a row per layer while a network runs."""

    def __init__(self) -> None:
        self.rows: list[_Row] = []
        self.trainable = 0
        self.frozen = 0
        self.shared = 0
        self._seen: set[int] = set()

    def watch(self, block: "Block", handles: list[Any]) -> None:
        """Let a layer without children add its row after its forward."""
        if not block._children or block._reg_params:
            handles.append(block.register_forward_hook(lambda block, _, outputs: self._add(block, outputs)))

    def _add(self, block: "Block", outputs: Any) -> None:
        if any(isinstance(output, Symbol) for output in flatten(outputs, "output")[0]):
            return  # a call that only finds out shapes
        row = _Row(f"{type(block).__name__}-{len(self.rows)}", shapes_of(outputs))
        for parameter in block._reg_params.values():
            size = prod(parameter.shape or ())
            row.num_params += size
            if parameter.grad_req == "null":
                self.frozen += size
            else:
                self.trainable += size
            if id(parameter) in self._seen:
                self.shared += size
            self._seen.add(id(parameter))
        self.rows.append(row)

    def lines(self) -> list[str]:
        """The table."""
        total = self.trainable + self.frozen
        rows = [f"{row.name:>20}  {row.shapes:>42} {row.num_params:>15}" for row in self.rows]
        return [
            "-" * WIDTH,
            f"{'Layer (type)':>20}  {'Output Shape':>42} {'Param #':>15}",
            "=" * WIDTH,
            *rows,
            "=" * WIDTH,
            "Parameters in forward computation graph, duplicate included",
            f"   Total params: {total}",
            f"   Trainable params: {self.trainable}",
            f"   Non-trainable params: {self.frozen}",
            f"Shared params in forward computation graph: {self.shared}",
            f"Unique parameters in model: {total - self.shared}",
            "-" * WIDTH,
        ]


def print_summary(block: "Block", inputs: Sequence[Any]) -> None:
    """Run a network and print a table of its layers. Raises CheckError (an AssertionError) where it is hybridized.

    Source: follows mxnet.gluon.Block.summary of MXNet 1.9.1.
    """
    table = _Table()
    table.rows.append(_Row("Input", shapes_of(inputs)))
    handles: list[Any] = []
    try:
        block.apply(_require_not_hybridized)
        block.apply(lambda layer: table.watch(layer, handles))
        block(*inputs)
    finally:
        for handle in handles:
            handle.detach()
    print("\n".join(table.lines()))  # noqa: T201 - what it is for


def _require_not_hybridized(block: "Block") -> None:
    if getattr(block, "_active", False):
        raise CheckError(f'"{block.name}" must not be hybridized to print summary.')


def shapes_of(values: Any) -> str:
    """The shapes of (nested) arrays in words."""
    flat, _ = flatten(values, "output")
    shapes = [None if value is None else value.shape for value in flat]
    return str(shapes[0] if len(shapes) == 1 else shapes)
