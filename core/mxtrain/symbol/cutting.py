"""Cutting the body of a loop, or a branch, out of the graph in which it was described."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from mxtrain.attribute import AttrScope
from mxtrain.attribute import current as current_attributes
from mxtrain.symbol.graph import Entry, Node, topological
from mxtrain.symbol.operators import functions
from mxtrain.symbol.subgraph import Subgraph
from mxtrain.symbol.symbol_type import Symbol

SCOPE = "__subgraph_name__"  # the attribute of nodes that were made inside a body


def body_scope(name: str) -> AbstractContextManager[AttrScope]:
    """A `with` block whose symbols belong to one body, under a name of its own."""
    outer = current_attributes().get(None).get(SCOPE)
    full = f"{outer}${name}" if outer else name
    number = AttrScope._subgraph_names[full]
    AttrScope._subgraph_names[full] = number + 1
    return AttrScope(**{SCOPE: f"{full}{number}"})


def stand_ins(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Variables that stand inside a body for values outside, with names of their own."""
    taken: set[str] = set()
    found = []
    for symbol in symbols:
        number = symbol.heads[0].index
        while (name := f"{symbol.heads[0].node.name}-{number}") in taken:
            number += 1
        taken.add(name)
        attrs = current_attributes().get(None)
        found.append(Symbol([Entry(Node(None, name, [], attrs))]))
    return found


def distinct_outputs(symbols: Sequence[Symbol]) -> list[Symbol]:
    """The outputs of a body, as copies where they are inputs, were made outside, or come from one node twice."""
    scope = current_attributes().get(None).get(SCOPE)
    seen: set[int] = set()
    found = []
    for symbol in symbols:
        node = symbol.heads[0].node
        is_own = not node.is_variable and node.attrs.get(SCOPE) == scope and id(node) not in seen
        seen.add(id(node))
        found.append(symbol if is_own else functions.identity(symbol))
    return found


@dataclass
class Piece:
    """A body: its graph, and per variable the value outside that it stands for; None for the variables of the loop."""

    graph: Subgraph
    outside: list[Entry | None]

    def place_of(self, variable: Symbol) -> int | None:
        """Which input of the graph a variable of the loop is; None where the body does not use it."""
        ids = [id(node) for node in self.graph.variables]
        wanted = id(variable.heads[0].node)
        return ids.index(wanted) if wanted in ids else None


def cut_out(outputs: Sequence[Symbol], scope: AttrScope, variables: Sequence[Symbol]) -> Piece:
    """What was made in a scope, or depends on the variables of the loop, as a graph of its own.

    Values that it reads from outside become variables; free variables of one name become one.
    """
    heads = [symbol.heads[0] for symbol in outputs]
    own = [symbol.heads[0].node for symbol in variables]
    cutter = _Cutter(scope.get(None)[SCOPE], own)
    for node in topological(heads):
        cutter.add(node)
    graph = Subgraph([cutter.entry_of(head) for head in heads])
    is_own = {id(node) for node in own}
    outside = [None if id(node) in is_own else cutter.outside.get(id(node), Entry(node)) for node in graph.variables]
    return Piece(graph, outside)


class _Cutter:
    """Walks a graph, each node after its inputs, and copies what lies inside.

    outside: by id of a new variable, the value outside that it stands for.
    """

    def __init__(self, scope: str, own: Sequence[Node]) -> None:
        self.outside: dict[int, Entry] = {}
        self._scope = scope
        self._dependent = {id(node) for node in own}
        self._moved: dict[int, Node] = {id(node): node for node in own}
        self._free: dict[str, Node] = {}
        self._cut: dict[tuple[int, int], Entry] = {}

    def add(self, node: Node) -> None:
        """Decide where a node belongs."""
        if node.op is None:
            self._moved.setdefault(id(node), self._free.setdefault(node.name, node))
            return
        depends = any(id(entry.node) in self._dependent for entry in node.inputs)
        if depends:
            self._dependent.add(id(node))
        if depends or node.attrs.get(SCOPE) == self._scope:
            inputs = [self.entry_of(entry) for entry in node.inputs]
            self._moved[id(node)] = Node(node.op, node.name, inputs, node.attrs, node.runtime)

    def entry_of(self, entry: Entry) -> Entry:
        """A value as the inside sees it."""
        moved = self._moved.get(id(entry.node))
        if moved is not None:
            return Entry(moved, entry.index)
        key = (id(entry.node), entry.index)
        if key not in self._cut:
            variable = Node(None, entry.node.all_output_names[entry.index])
            self.outside[id(variable)] = entry
            self._cut[key] = Entry(variable)
        return self._cut[key]
