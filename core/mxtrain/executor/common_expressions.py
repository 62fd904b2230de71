"""Graph pass: computes only once what a graph computes several times."""

from collections.abc import Sequence
from typing import Any

from mxtrain.ops.registry import find
from mxtrain.symbol.graph import Entry, Node, topological

# what a call may depend on beside its inputs and parameters
_IMPURE = frozenset(("rng", "state"))


def eliminate_common_expressions(heads: Sequence[Entry]) -> list[Entry]:
    """The heads of an equal graph in which nodes with equal operators, attributes and inputs are one node.

    Random operators, and those that write into their inputs, stay. Heads that become one value stay apart as copies,
    since a user may write into an output.
    """
    merged: dict[int, Node] = {}
    known: dict[Any, Node] = {}
    for node in topological(heads):
        merged[id(node)] = _merge(node, merged, known)
    result: list[Entry] = []
    for head in heads:
        entry = Entry(merged[id(head.node)], head.index)
        is_new_duplicate = entry in result and head not in heads[: len(result)]
        result.append(Entry(Node(find("_copy"), f"{head.node.name}_copy", [entry])) if is_new_duplicate else entry)
    return result


def _merge(node: Node, merged: dict[int, Node], known: dict[Any, Node]) -> Node:
    """The node that stands for a node: an earlier equal one, itself, or itself with its inputs merged."""
    op = node.op
    if op is None:
        return node
    inputs = [Entry(merged[id(entry.node)], entry.index) for entry in node.inputs]
    if inputs != node.inputs:
        node = Node(op, node.name, inputs, node.attrs, node.runtime)
    if op.mutates or op.runtime & _IMPURE or node.runtime:
        return node
    # by identity: entries of different nodes are never equal
    identity = (id(op), *sorted(node.attrs.items()), *((id(entry.node), entry.index) for entry in inputs))
    return known.setdefault(identity, node)
