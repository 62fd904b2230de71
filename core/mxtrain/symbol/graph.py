"""The graph under a Symbol: nodes, their inputs, and walks over them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mxtrain.ops.operator import Operator

# attribute names that may be written with or without the underscores around them
HIDDEN_KEYS = frozenset(("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage", "profiler_scope"))


def stored_attributes(attrs: Mapping[str, str]) -> dict[str, str]:
    """Attributes as a node keeps them: `lr_mult` and its like as `__lr_mult__`."""
    return {f"__{key}__" if key in HIDDEN_KEYS else key: value for key, value in attrs.items()}


class Node:
    """A variable (op is None) or the application of an operator.

    attrs: the given parameters and user attributes, as strings. runtime: live objects that travel with a node: the
    `state` that a backward node shares with its forward node, and the `subgraphs` inside an operator.
    """

    __slots__ = ("_params", "attrs", "inputs", "name", "op", "runtime")

    def __init__(
        self,
        op: Operator | None,
        name: str,
        inputs: "list[Entry] | None" = None,
        attrs: Mapping[str, str] | None = None,
        runtime: dict[str, Any] | None = None,
    ) -> None:
        self.op = op
        self.name = name
        self.inputs: list[Entry] = inputs if inputs is not None else []
        self.attrs = dict(attrs or {})
        self.runtime = runtime or {}
        self._params: dict[str, Any] | None = None

    def with_inputs(self, inputs: "list[Entry]", name: str | None = None) -> "Node":
        """The same application of the same operator to other inputs."""
        node = Node(self.op, self.name if name is None else name, inputs, self.attrs, self.runtime)
        node._params = self._params
        return node

    @property
    def params(self) -> dict[str, Any]:
        """The operator's parameters, parsed, with defaults. Raises the parameter errors of the operator."""
        if self._params is None:
            self._params = {} if self.op is None else self.op.parse(self.attrs)
            if "subgraphs" in self.runtime:
                self._params["subgraphs"] = self.runtime["subgraphs"]
        return self._params

    @property
    def is_variable(self) -> bool:
        """Whether the node is an argument or auxiliary state."""
        return self.op is None

    @property
    def num_outputs(self) -> int:
        """How many outputs there are, hidden ones among them."""
        return 1 if self.op is None else len(self.op.outputs(self.params))

    @property
    def num_visible(self) -> int:
        """How many outputs a user sees."""
        return 1 if self.op is None else self.op.num_visible(self.params)

    @property
    def output_names(self) -> list[str]:
        """Names of the visible outputs, such as "fc1_output"."""
        return self.all_output_names[: self.num_visible]

    @property
    def all_output_names(self) -> list[str]:
        """Names of all outputs, hidden ones among them."""
        if self.op is None:
            return [self.name]
        return [f"{self.name}_{name}" for name in self.op.listed_outputs(self.params)]

    @property
    def num_aux(self) -> int:
        """How many of the inputs (the last ones) are auxiliary states."""
        return 0 if self.op is None else len(self.op.aux(self.params))

    @property
    def input_names(self) -> list[str]:
        """The operator's names of the inputs in use, auxiliary states last."""
        return [] if self.op is None else list(self.op.all_inputs(self.params))

    def attribute(self, key: str) -> str | None:
        """A user attribute; `ctx_group` and its like also by their plain name."""
        value = self.attrs.get(key)
        if value is None and key in HIDDEN_KEYS:
            value = self.attrs.get(f"__{key}__")
        return value

    def __repr__(self) -> str:
        return f"<{'variable' if self.op is None else self.op.name} {self.name}>"


class Entry(NamedTuple):
    """One output of a node."""

    node: Node
    index: int = 0  # type: ignore[assignment]  # hides tuple.index, which nobody calls


def new_variable(node: Node, input_name: str) -> Entry:
    """A variable for an input that an operator was not given; as in MXNet, it carries the operator's attributes."""
    own = node.op.variable_attributes.get(input_name, {}) if node.op else {}
    return Entry(Node(None, f"{node.name}_{input_name}", [], {**node.attrs, **own}))


def complete_variable(variable: Node, node: Node, input_name: str) -> None:
    """Give a variable that an operator reads the attributes that it lacks and the operator has for it."""
    if variable.is_variable and node.op is not None:
        for key, value in node.op.variable_attributes.get(input_name, {}).items():
            variable.attrs.setdefault(key, value)


def topological(heads: Iterable[Entry]) -> list[Node]:
    """Every node that the heads depend on, each after its inputs, in the order of a depth-first walk."""
    order: list[Node] = []
    seen: set[int] = set()
    for head in heads:
        stack: list[tuple[Node, int]] = [(head.node, 0)]
        while stack:
            node, position = stack.pop()
            if id(node) in seen:
                continue
            if position < len(node.inputs):
                stack.append((node, position + 1))
                stack.append((node.inputs[position].node, 0))
            else:
                seen.add(id(node))
                order.append(node)
    return order


def auxiliary(order: Iterable[Node]) -> set[int]:
    """ids of the variables that some operator uses as auxiliary state."""
    found: set[int] = set()
    for node in order:
        if node.num_aux:
            found.update(id(entry.node) for entry in node.inputs[-node.num_aux :] if entry.node.is_variable)
    return found


def replaced(heads: list[Entry], substitutes: Mapping[int, Entry]) -> list[Entry]:
    """A copy of the graph with nodes (by id) replaced; parts without a substitute below them are shared."""
    new: dict[int, Entry | None] = {}
    for node in topological(heads):
        if id(node) in substitutes:
            new[id(node)] = substitutes[id(node)]
        elif all(new[id(entry.node)] is None for entry in node.inputs):
            new[id(node)] = None
        else:
            inputs = [_moved(entry, new) for entry in node.inputs]
            new[id(node)] = Entry(Node(node.op, node.name, inputs, node.attrs, node.runtime))
    return [_moved(entry, new) for entry in heads]


def _moved(entry: Entry, new: Mapping[int, Entry | None]) -> Entry:
    target = new[id(entry.node)]
    if target is None:
        return entry
    return Entry(target.node, target.index + entry.index)
