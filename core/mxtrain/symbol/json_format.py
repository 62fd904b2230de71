"""Symbols as JSON: reads what every MXNet version wrote, writes what 1.9.1 writes."""

import json
from collections import Counter
from typing import Any

from mxtrain.base import ArgumentError, NameLookupError
from mxtrain.ops import exists, find
from mxtrain.symbol.graph import HIDDEN_KEYS, Entry, Node, topological
from mxtrain.symbol.infer import declared_shape
from mxtrain.util import is_np_shape

MXNET_VERSION = 10901
MAX_JSON_BYTES = 1 << 28


def dump(heads: list[Entry]) -> str:
    """The graph in the layout of MXNet 1.9.1's JSON writer."""
    order = topological(heads)
    number = {id(node): i for i, node in enumerate(order)}
    rows = [0]
    for node in order:
        rows.append(rows[-1] + len(node.all_output_names))
    updates: Counter[int] = Counter()
    nodes = ", \n".join(_node_text(node, number, updates) for node in order)
    arguments = _numbers([number[id(node)] for node in order if node.is_variable])
    outputs = ", ".join(f"[{number[id(head.node)]}, {head.index}, 0]" for head in heads)
    return (
        "{\n"
        f'  "nodes": [\n{nodes}\n  ], \n'
        f'  "arg_nodes": {arguments}, \n'
        f'  "node_row_ptr": {_numbers(rows)}, \n'
        f'  "heads": [{outputs}], \n'
        f'  "attrs": {_graph_attributes()}\n'
        "}"
    )


def _graph_attributes() -> str:
    version = f'"mxnet_version": ["int", {MXNET_VERSION}]'
    if not is_np_shape():
        return f"{{{version}}}"
    return f'{{\n    "is_np_shape": ["int", 1], \n    {version}\n  }}'


def _numbers(numbers: list[int]) -> str:
    """An array on one line, or on many where it has more than ten elements, as MXNet's writer does."""
    if len(numbers) <= 10:
        return f"[{', '.join(map(str, numbers))}]"
    lines = ", \n".join(f"    {number}" for number in numbers)
    return f"[\n{lines}\n  ]"


def _node_text(node: Node, number: dict[int, int], updates: Counter[int]) -> str:
    """A node's record. updates: how often each variable has been updated by the operators before, as auxiliary state."""
    updates.update(number[id(entry.node)] for entry in node.inputs[len(node.inputs) - node.num_aux :])
    lines = [f'"op": {json.dumps(node.op.name if node.op else "null")}', f'"name": {json.dumps(node.name)}']
    if node.attrs:
        lines.append(f'"attrs": {_attributes(node.attrs)}')
    entries = [(number[id(entry.node)], entry.index) for entry in node.inputs]
    inputs = ", ".join(f"[{node_number}, {index}, {updates[node_number]}]" for node_number, index in entries)
    lines.append(f'"inputs": [{inputs}]')
    body = ", \n".join(f"      {line}" for line in lines)
    return f"    {{\n{body}\n    }}"


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
    if not isinstance(graph, dict) or not isinstance(graph.get("nodes"), list) or not graph.get("heads"):
        raise ArgumentError('Expected: a JSON object with "nodes" and "heads". Received: something else.')
    nodes: list[Node] = []
    for position, record in enumerate(graph["nodes"]):
        nodes.append(_read_node(position, record, nodes))
    if is_np_shape() and not _has_np_shape(graph):
        _upgrade_shapes(nodes)
    try:
        return [_entry(head, nodes) for head in graph["heads"]]
    except (TypeError, ValueError, IndexError):
        raise ArgumentError(f'Expected: "heads" that name nodes. Received: {graph["heads"]!r}.') from None


def _has_np_shape(graph: dict[str, Any]) -> bool:
    """Whether the graph was written under NumPy's shape semantics."""
    attributes = graph.get("attrs")
    return isinstance(attributes, dict) and "is_np_shape" in attributes


def _upgrade_shapes(nodes: list[Node]) -> None:
    """Unknown sizes of variables were written as 0; under NumPy's shape semantics they are -1."""
    for node in nodes:
        sizes = declared_shape(node)
        if sizes is not None:
            node.attrs["__shape__"] = str(tuple(size or -1 for size in sizes))


def _entry(record: Any, nodes: list[Node]) -> Entry:
    position, index = int(record[0]), int(record[1])
    if not 0 <= position < len(nodes):
        raise IndexError(position)
    return Entry(nodes[position], index)


def _read_node(position: int, record: Any, earlier: list[Node]) -> Node:
    try:
        operator_name, name = str(record["op"]), str(record["name"])
        # 0.8 and before: "param" for the operator's and "attr" for the user's; to 0.11: "attr"; since: "attrs"
        attrs = {**record.get("param", {}), **record.get("attr", {}), **record.get("attrs", {})}
        attrs = {_upgraded_key(str(key)): str(value) for key, value in attrs.items()}
        inputs = [_entry(entry, earlier) for entry in record.get("inputs", [])]
    except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
        raise ArgumentError(
            f"Expected: node {position} with op, name and inputs among the nodes before it. Received: {error!r}."
        ) from None
    if operator_name == "null":
        return Node(None, name, [], attrs)
    if not exists(operator_name):
        try:
            find(operator_name)
        except NameLookupError as error:
            raise NameLookupError(f"Node {position} ({name!r}): {error}") from None
    node = Node(find(operator_name), name, inputs, attrs)
    _hand_down_attributes(node)
    _add_missing_inputs(node)
    return node


def _upgraded_key(key: str) -> str:
    """Versions before 0.9 wrote `lr_mult` and its like without the underscores."""
    return f"__{key}__" if key in HIDDEN_KEYS else key


def _hand_down_attributes(node: Node) -> None:
    """Versions before 0.9 wrote `weight_lr_mult` on the operator for what is `__lr_mult__` of its weight now."""
    for key in list(node.attrs):
        hidden = next((name for name in HIDDEN_KEYS if key.endswith(f"_{name}") and not key.startswith("__")), None)
        if hidden is None:
            continue
        value = node.attrs.pop(key)
        wanted = key.removesuffix(f"_{hidden}")
        for name, entry in zip(node.input_names, node.inputs, strict=False):
            if name == wanted and entry.node.is_variable:
                entry.node.attrs[f"__{hidden}__"] = value


def _add_missing_inputs(node: Node) -> None:
    """Versions before 0.9 did not list auxiliary states among a node's inputs."""
    if node.op is None or node.op.variadic:
        return
    names = node.input_names
    for name in names[len(node.inputs) :]:
        node.inputs.append(Entry(Node(None, f"{node.name}_{name}")))
