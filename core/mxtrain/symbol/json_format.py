"""Symbols as JSON: reads what every MXNet version wrote, writes what 1.9.1 writes."""

import json
from collections import Counter
from collections.abc import Sequence
from textwrap import indent
from typing import Any

from mxtrain.base import ArgumentError, MXNetError, NameLookupError
from mxtrain.ops import find
from mxtrain.ops.operator import Operator
from mxtrain.symbol.graph import Entry, Node, new_variable, stored_attributes, topological
from mxtrain.symbol.older_json import (
    LAST_WITH_FLATTENING_AXIS,
    LAST_WITHOUT_INITIALIZERS,
    add_initializers,
    drop_flattening_axis,
    hand_down_attributes,
    has_np_shape,
    upgrade_shape,
    written_attributes,
    written_by,
)
from mxtrain.symbol.subgraph import Subgraph
from mxtrain.util import is_np_shape

MXNET_VERSION = 10901
MAX_JSON_BYTES = 1 << 28


def dump(heads: list[Entry]) -> str:
    """The graph in the layout of MXNet 1.9.1's JSON writer."""
    return f'{{\n{_graph_text(heads)}, \n  "attrs": {_graph_attributes()}\n}}'


def _graph_text(heads: list[Entry]) -> str:
    """What the record of a graph holds, but for its attributes."""
    order = topological(heads)
    number = {id(node): i for i, node in enumerate(order)}
    rows = [0]
    for node in order:
        rows.append(rows[-1] + len(node.all_output_names))
    updates: Counter[int] = Counter()
    nodes = ", \n".join(_node_text(node, number, updates) for node in order)
    arguments = _array([number[id(node)] for node in order if node.is_variable])
    outputs = _array([[number[id(head.node)], head.index, 0] for head in heads])
    return (
        f'  "nodes": [\n{nodes}\n  ], \n'
        f'  "arg_nodes": {arguments}, \n'
        f'  "node_row_ptr": {_array(rows)}, \n'
        f'  "heads": {outputs}'
    )


def _graph_attributes() -> str:
    version = f'"mxnet_version": ["int", {MXNET_VERSION}]'
    if not is_np_shape():
        return f"{{{version}}}"
    return f'{{\n    "is_np_shape": ["int", 1], \n    {version}\n  }}'


def _array(items: Sequence[Any], indent: str = "  ") -> str:
    """An array on one line, or on many where it has more than ten elements, as MXNet's writer does."""
    if len(items) <= 10:
        return f"[{', '.join(map(str, items))}]"
    lines = ", \n".join(f"{indent}  {item}" for item in items)
    return f"[\n{lines}\n{indent}]"


def _node_text(node: Node, number: dict[int, int], updates: Counter[int]) -> str:
    """A node's record. updates: how often each variable was an auxiliary state of the operators before."""
    updates.update(number[id(entry.node)] for entry in _states(node))
    lines = [f'"op": {json.dumps(node.op.name if node.op else "null")}', f'"name": {json.dumps(node.name)}']
    if node.attrs:
        lines.append(f'"attrs": {_attributes(node.attrs)}')
    entries = [(number[id(entry.node)], entry.index) for entry in _as_written(node)]
    inputs = [[node_number, index, updates[node_number]] for node_number, index in entries]
    lines.append(f'"inputs": {_array(inputs, indent="      ")}')
    if "subgraphs" in node.runtime:
        graphs = ", \n".join(f"{{\n{_graph_text(graph.heads)}\n}}" for graph in node.runtime["subgraphs"])
        lines.append(f'"subgraphs": [\n{indent(graphs, " " * 8)}\n      ]')
    body = ", \n".join(f"      {line}" for line in lines)
    return f"    {{\n{body}\n    }}"


def _states(node: Node) -> list[Entry]:
    """The inputs that an operator may write."""
    changed = node.op.changed(node.params) if node.op else ()
    first_aux = len(node.inputs) - node.num_aux
    named = zip(node.input_names, node.inputs, strict=False)
    return [entry for i, (name, entry) in enumerate(named) if i >= first_aux or name in changed]


def _attributes(attrs: dict[str, str]) -> str:
    pairs = [f"{json.dumps(key)}: {json.dumps(attrs[key])}" for key in sorted(attrs)]
    if len(pairs) == 1:
        return f"{{{pairs[0]}}}"
    lines = ", \n".join(f"        {pair}" for pair in pairs)
    return f"{{\n{lines}\n      }}"


def load(text: str) -> list[Entry]:
    """The heads of the graph in a JSON text.

    Raises ArgumentError for a text that is no MXNet symbol (naming the place) and NameLookupError for an operator that
    does not exist.
    """
    if len(text) > MAX_JSON_BYTES:
        raise ArgumentError(f"Expected: a symbol of at most {MAX_JSON_BYTES} bytes. Received: {len(text)}.")
    try:
        graph = json.loads(text)
    except json.JSONDecodeError as error:
        raise ArgumentError(f"Expected: a symbol as JSON. Received: text that is not JSON ({error}).") from None
    except RecursionError:
        raise ArgumentError("Expected: a symbol as JSON. Received: JSON nested too deeply.") from None
    try:
        return _read_graph(graph, written_by(graph) if isinstance(graph, dict) else 0)
    except RecursionError:
        raise ArgumentError("Expected: a symbol as JSON. Received: graphs nested too deeply.") from None


def _read_graph(graph: Any, version: int) -> list[Entry]:
    """The heads of a graph, or of one inside an operator. version: of the MXNet that wrote it."""
    if not isinstance(graph, dict) or not isinstance(graph.get("nodes"), list) or not graph.get("heads"):
        raise ArgumentError('Expected: a JSON object with "nodes" and "heads". Received: something else.')
    nodes: list[Node] = []
    is_upgrade_to_np_shape = is_np_shape() and not has_np_shape(graph)
    for position, record in enumerate(graph["nodes"]):
        nodes.append(_read_node(position, record, nodes, version))
        if is_upgrade_to_np_shape:
            upgrade_shape(nodes[-1])
    try:
        return [_entry(head, nodes) for head in graph["heads"]]
    except (TypeError, ValueError, IndexError):
        raise ArgumentError(f'Expected: "heads" that name nodes. Received: {graph["heads"]!r}.') from None


def _entry(record: Any, nodes: list[Node]) -> Entry:
    position, index = int(record[0]), int(record[1])
    if not (0 <= position < len(nodes) and 0 <= index < nodes[position].num_outputs):
        raise IndexError(f"input {record}, which does not exist")
    return Entry(nodes[position], index)


def _read_node(position: int, record: Any, earlier: list[Node], version: int) -> Node:
    try:
        operator_name, name = str(record["op"]), str(record["name"])
        attrs = stored_attributes(written_attributes(record))
        inputs = [_entry(entry, earlier) for entry in record.get("inputs", [])]
    except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, MXNetError):  # what is wrong is an earlier node's parameters
            raise
        raise ArgumentError(
            f"Expected: node {position} with op, name and inputs among the nodes before it. Received: {error!r}."
        ) from None
    if operator_name == "null":
        return Node(None, name, [], attrs)
    graphs = _read_subgraphs(position, record, version)
    node = Node(_operator(position, name, operator_name), name, inputs, attrs, {"subgraphs": graphs} if graphs else {})
    hand_down_attributes(node)
    if version <= LAST_WITH_FLATTENING_AXIS:
        drop_flattening_axis(node)
    if version <= LAST_WITHOUT_INITIALIZERS:
        add_initializers(node)
    _check_inputs(position, node)
    _put_states_last(node)
    return node


def _read_subgraphs(position: int, record: Any, version: int) -> tuple[Subgraph, ...]:
    graphs = record.get("subgraphs", [])
    if not isinstance(graphs, list):
        raise ArgumentError(f'Expected: node {position} with a list of "subgraphs". Received: {graphs!r}.')
    return tuple(Subgraph(_read_graph(graph, version)) for graph in graphs)


def _operator(position: int, name: str, operator_name: str) -> Operator:
    try:
        return find(operator_name)
    except NameLookupError as error:
        raise NameLookupError(f"Node {position} ({name!r}): {error}") from None


def _as_written(node: Node) -> list[Entry]:
    """The inputs in the order of the operator's arguments; nodes have auxiliary states last."""
    names = node.input_names
    order = node.op.written_inputs(node.params) if node.op is not None else ()
    if list(order) == names:
        return node.inputs
    by_name = dict(zip(names, node.inputs, strict=True))
    return [by_name[name] for name in order]


def _put_states_last(node: Node) -> None:
    """The reverse of `_as_written`, for a node whose inputs are all there."""
    names = node.input_names
    order = node.op.written_inputs(node.params) if node.op is not None else ()
    if list(order) != names and len(order) == len(node.inputs):
        by_name = dict(zip(order, node.inputs, strict=True))
        node.inputs = [by_name[name] for name in names]


def _check_inputs(position: int, node: Node) -> None:
    """Add inputs that older versions left out; raise ArgumentError for one too many."""
    names = node.input_names
    if len(node.inputs) > len(names) and not (node.op and node.op.variadic):
        raise ArgumentError(
            f"Node {position} ({node.name!r}): expected node {position} with {len(names)} input(s), {names}. "
            f"Received: {len(node.inputs)}."
        )
    for name in names[len(node.inputs) :]:
        node.inputs.append(new_variable(node, name))
