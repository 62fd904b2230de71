"""`Block.save` and `Block.load`: parameters, and the graphs of hybridized blocks as JSON."""

import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mxtrain.atomic_write import write_atomically
from mxtrain.base import ArgumentError

if TYPE_CHECKING:
    from mxtrain.gluon.block.block_type import Block

MAX_BYTES = 1 << 30


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
    _restore(block, described, itertools.count(), path)
    block.load_parameters(f"{prefix}-model.params")


def _describe(block: "Block", into: dict[str, Any], numbers: Iterator[int]) -> None:
    """Add a block, with all below it, under its kind and running number."""
    entry: dict[str, Any] = {"orig_name": block.name}
    into[f"{block._alias()}{next(numbers)}"] = entry
    entry.update(block._describe_graph() if hasattr(block, "_describe_graph") else {})
    entry["children"] = {child.name: key for key, child in block._children.items()}
    for child in block._children.values():
        _describe(child, entry, numbers)


def _restore(block: "Block", described: dict[str, Any], numbers: Iterator[int], path: str) -> None:
    key = f"{block._alias()}{next(numbers)}"
    entry = described.get(key)
    if not isinstance(entry, dict):
        raise ArgumentError(f"{path}: expected a description of {key!r} ({block.name}). Received: none.")
    if hasattr(block, "_restore_graph"):
        block._restore_graph(entry)
    for child in block._children.values():
        _restore(child, entry, numbers, path)
