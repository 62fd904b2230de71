"""Model parallelism: which device computes each node, and copies where a value crosses from one to another.

Source: MXNet 1.9.1's `group2ctx`, which looks at `ctx_group` attributes; nodes without one run where their inputs are.
"""

from collections.abc import Iterable, Mapping, Sequence

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.ops.registry import find
from mxtrain.symbol.graph import Entry, Node, topological

Places = dict[int, Context]  # by id of a node


class Placement:
    """Where things are. default: the device of what nothing is said about. group2ctx: devices by `ctx_group`."""

    def __init__(self, default: Context, group2ctx: Mapping[str, Context] | None = None) -> None:
        self.default = default
        self.group2ctx = dict(group2ctx or {})

    def of_forward(self, heads: Iterable[Entry], variables: Mapping[str, Context] | None = None) -> Places:
        """The device of every node of a graph.

        variables: where the arrays of variables are, by name; None where they are about to be made: then one without
        group comes to the first operator that reads it. Raises ArgumentError for a group without a context.
        """
        order = topological(heads)
        if not self.group2ctx:
            return {id(node): self.default for node in order}
        found = {id(node): ctx for node in order if (ctx := self._given(node, variables)) is not None}
        for node in order:
            if not node.is_variable:
                _follow(found, node)
        for node in reversed(order):
            if id(node) in found:
                for entry in node.inputs:
                    found.setdefault(id(entry.node), found[id(node)])
        return {id(node): found.get(id(node), self.default) for node in order}

    def add_backward(self, nodes: Iterable[Node], places: Places) -> None:
        """Add the devices of backward nodes: those of their groups, else where their inputs are."""
        for node in nodes:
            given = self._given(node, None) if self.group2ctx else self.default
            if given is not None:
                places[id(node)] = given
            _follow(places, node)
            places.setdefault(id(node), self.default)

    def _given(self, node: Node, variables: Mapping[str, Context] | None) -> Context | None:
        if node.is_variable and variables is not None:
            return variables[node.name]
        group = node.attribute("ctx_group")
        if group is None:
            return None
        if group not in self.group2ctx:
            raise ArgumentError(
                f"{node.name}: expected its ctx_group among those of group2ctx, {sorted(self.group2ctx)}. "
                f"Received: {group!r}."
            )
        return self.group2ctx[group]


def _follow(found: Places, node: Node) -> None:
    """Let a node without a device have that of the first input that has one."""
    if id(node) not in found:
        ctx = next((found[id(entry.node)] for entry in node.inputs if id(entry.node) in found), None)
        if ctx is not None:
            found[id(node)] = ctx


class Crossings:
    """Puts copies between devices into graphs; each value is copied to a device once. places: added to."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._copies: dict[tuple[int, int, Context], Node] = {}

    def divided(self, heads: Sequence[Entry]) -> list[Entry]:
        """The heads of a graph in which every node reads values of its own device."""
        new: dict[int, Node] = {}
        for node in topological(heads):
            inputs = [Entry(new[id(entry.node)], entry.index) for entry in node.inputs]
            local = [self._on(entry, self._places[id(node)]) for entry in inputs]
            is_same = local == node.inputs
            new[id(node)] = node if is_same else node.with_inputs(local)
            self._places[id(new[id(node)])] = self._places[id(node)]
        return [Entry(new[id(head.node)], head.index) for head in heads]

    def connect(self, nodes: Sequence[Node]) -> list[Node]:
        """The backward nodes, which are changed, with copies before the first reader on another device."""
        result: list[Node] = []
        for node in nodes:
            known = len(self._copies)
            node.inputs = [self._on(entry, self._places[id(node)]) for entry in node.inputs]
            result += list(self._copies.values())[known:]
            result.append(node)
        return result

    def _on(self, entry: Entry, ctx: Context) -> Entry:
        """A value on a device."""
        if self._places[id(entry.node)] is ctx:
            return entry
        key = (id(entry.node), entry.index, ctx)
        if key not in self._copies:
            self._copies[key] = Node(find("_CrossDeviceCopy"), f"{entry.node.name}_{entry.index}_copy", [entry])
            self._places[id(self._copies[key])] = ctx
        return Entry(self._copies[key])
