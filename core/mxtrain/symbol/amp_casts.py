"""Graphs without the casts that automatic mixed precision puts in, as symbols are saved."""

from collections.abc import Sequence

from mxtrain.symbol.graph import Entry, Node, topological

_CASTS = ("amp_cast", "amp_multicast")


def without_amp_casts(heads: Sequence[Entry]) -> list[Entry]:
    """The heads of a graph whose operators read what was cast; a cast that is an output itself stays, as in MXNet."""
    if not any(_is_cast(node) for node in topological(heads)):
        return list(heads)
    new: dict[int, Node] = {}
    for node in topological(heads):
        inputs = [_source(entry, new) for entry in node.inputs]
        new[id(node)] = node if inputs == node.inputs else node.with_inputs(inputs)
    return [Entry(new[id(head.node)], head.index) for head in heads]


def _is_cast(node: Node) -> bool:
    return node.op is not None and node.op.name in _CASTS


def _source(entry: Entry, new: dict[int, Node]) -> Entry:
    """What a value is a cast of, else itself, in the new graph."""
    node = new[id(entry.node)]
    return node.inputs[entry.index] if _is_cast(node) else Entry(node, entry.index)
