"""`Block.save` and `Block.load`: parameters, and the graphs of hybridized blocks as JSON."""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mxtrain.atomic_write import write_atomically
from mxtrain.base import ArgumentError

if TYPE_CHECKING:
    from mxtrain.gluon.block.block_type import Block

MAX_BYTES = 1 << 30


@runtime_checkable
class GraphHolder(Protocol):
    """A block that can have a graph."""

    def _describe_graph(self) -> dict[str, Any]:
        """The graph in plain values."""

    def _restore_graph(self, described: dict[str, Any], prefixes: Mapping[str, str]) -> None:
        """Take such a graph over. prefixes: of blocks when it was saved, to what they are now."""


def save(block: "Block", prefix: str) -> None:
    """Write PREFIX-model.json and PREFIX-model.params.

    Source: the form of the JSON is that of Block.save of MXNet 1.9.1.
    """
    described: dict[str, Any] = {}
    _describe(block, described, itertools.count())
    write_atomically(f"{prefix}-model.json", [json.dumps(described).encode()])
    block.save_parameters(f"{prefix}-model.params")


def load(block: "Block", prefix: str) -> None:
    """Read them again, into a network made by the same code. Raises ArgumentError naming what does not fit."""
    path = f"{prefix}-model.json"
    with open(path, encoding="utf-8") as file:
        text = file.read(MAX_BYTES)
    try:
        described = json.loads(text)
    except json.JSONDecodeError as error:
        raise ArgumentError(f"{path}: expected the description of a network as JSON. Received: {error}.") from error
    matched = list(_matched(block, described, itertools.count(), path))
    prefixes = {f"{entry['orig_name']}_": each.prefix for each, entry in matched}
    for each, entry in matched:
        _rename_children(each, list(entry.get("children", {}).values()), path)
        if isinstance(each, GraphHolder):
            each._restore_graph(entry, prefixes)
    block.load_parameters(f"{prefix}-model.params")


def _describe(block: "Block", into: dict[str, Any], numbers: Iterator[int]) -> None:
    """Add a block, with all below it, under its kind and running number."""
    entry: dict[str, Any] = {"orig_name": block.name}
    into[f"{type(block).__name__.lower()}{next(numbers)}"] = entry
    if isinstance(block, GraphHolder):
        entry.update(block._describe_graph())
    entry["children"] = {child.name: key for key, child in block._children.items()}
    for child in block._children.values():
        _describe(child, entry, numbers)


def _matched(
    block: "Block", described: dict[str, Any], numbers: Iterator[int], path: str
) -> Iterator[tuple["Block", dict[str, Any]]]:
    """Each block of a network with its description."""
    key = f"{type(block).__name__.lower()}{next(numbers)}"
    entry = described.get(key)
    if not isinstance(entry, dict) or "orig_name" not in entry:
        raise ArgumentError(f"{path}: expected a description of {key!r} ({block.name}). Received: none.")
    yield block, entry
    for child in block._children.values():
        yield from _matched(child, entry, numbers, path)


def _rename_children(block: "Block", keys: list[str], path: str) -> None:
    """Give the children the keys that they had when they were saved: those made of running names differ by now."""
    children = list(block._children.values())
    if len(keys) != len(children):
        raise ArgumentError(
            f"{path}: expected {len(children)} children of {block.name}. Received: {len(keys)}, named {keys}."
        )
    block._children.clear()
    block._children.update(zip(keys, children, strict=True))
