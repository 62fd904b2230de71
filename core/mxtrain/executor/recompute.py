"""Graph pass: values of forward that backward computes again instead of keeping them (arXiv:1604.06174).

What is computed again is the same operators on the same values, so that gradients are equal bit for bit: random
operators draw the same numbers again (`plan.py` replays the generator), and operators that move auxiliary states work
on a copy of the states as they were, so that the states themselves move once.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field

from mxtrain.executor.gradient import GradientGraph
from mxtrain.ops.registry import find
from mxtrain.symbol.graph import Entry, Node


@dataclass
class Recomputation:
    """A forward graph and the gradient graph that goes with it.

    forward: the nodes of forward, variables excluded. graph: the gradient graph; among its nodes are those that compute
    again. originals: by id of a node that the pass has made, the node whose outputs its own are like (for shapes).
    """

    forward: list[Node]
    graph: GradientGraph
    originals: dict[int, Node] = field(default_factory=dict)
    repeated: int = 0


def can_recompute(node: Node, can_replay: Callable[[Node], bool]) -> bool:
    """Whether a node may run twice in a step. can_replay: whether the random numbers of a node's device come again."""
    op = node.op
    if op is None or not op.repeatable:
        return False
    changed = op.changed(node.params)
    aux = {entry.node.name for entry in node.inputs[len(node.inputs) - node.num_aux :] if entry.node.is_variable}
    named = dict(zip(node.input_names, node.inputs, strict=False))
    if any(named[name].node.name not in aux for name in changed if name in named):
        return False
    return "rng" not in op.runtime or can_replay(node)


def recompute(forward: Sequence[Node], graph: GradientGraph, chosen: Set[int]) -> Recomputation:
    """The graph in which backward reads no output of a chosen node (by id), but computes it again just before use."""
    if not chosen:
        return Recomputation(list(forward), graph)
    return _Rewriter(forward, chosen).rewrite(graph)


class _Rewriter:
    """Walks the backward nodes in order and puts repetitions before the first node that needs them."""

    def __init__(self, forward: Sequence[Node], chosen: Set[int]) -> None:
        self._position = {id(node): position for position, node in enumerate(forward)}
        self._forward = forward
        self._chosen = chosen
        self._new: dict[int, Node] = {}
        self._backward: list[Node] = []
        self._copies: dict[int, list[Node]] = {}  # by id of a chosen node, the copies of the states that it moves
        self._originals: dict[int, Node] = {}
        self._repeated = 0

    def rewrite(self, graph: GradientGraph) -> Recomputation:
        for node in graph.nodes:
            self._repeat(self._missing(node.inputs))
            self._emit(node, node.with_inputs(self._moved(node.inputs)))
        grads = {variable: self._moved([entry])[0] for variable, entry in graph.grads.items()}
        forward = [part for node in self._forward for part in (*self._copies.get(id(node), ()), node)]
        rewritten = GradientGraph(self._backward, graph.head_grads, grads)
        return Recomputation(forward, rewritten, self._originals, self._repeated)

    def _emit(self, old: Node, new: Node) -> None:
        self._new[id(old)] = new
        self._originals[id(new)] = old
        self._backward.append(new)

    def _missing(self, entries: Sequence[Entry]) -> list[Node]:
        """The chosen nodes that these values need and that have not been repeated yet, in forward order."""
        found: dict[int, Node] = {}
        stack = [entry.node for entry in entries]
        while stack:
            node = stack.pop()
            if id(node) in self._chosen and id(node) not in self._new and id(node) not in found:
                found[id(node)] = node
                stack.extend(entry.node for entry in node.inputs)
        return sorted(found.values(), key=lambda node: self._position[id(node)])

    def _repeat(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            inputs = self._moved(node.inputs)
            if node.op is not None and node.op.changed(node.params):
                inputs = self._with_saved_states(node, inputs)
            again = node.with_inputs(inputs, f"{node.name}_mirror")
            state = node.runtime.get("state", node)
            again.runtime = {**node.runtime, "state": state, "repeats": node, "is_inserted": True}
            self._emit(node, again)
            self._repeated += 1

    def _with_saved_states(self, node: Node, inputs: list[Entry]) -> list[Entry]:
        """The inputs with copies, made before the node ran, in the place of the states that it moves."""
        changed = set(node.op.changed(node.params)) if node.op else set()
        copies = self._copies.setdefault(id(node), [])
        result = []
        for name, entry in zip(node.input_names, inputs, strict=True):
            if name in changed:
                attrs = {key: value for key, value in node.attrs.items() if key == "__ctx_group__"}
                name = f"{entry.node.name}_before_{node.name}"
                copies.append(Node(find("_copy"), name, [entry], attrs, {"is_inserted": True}))
                self._originals[id(copies[-1])] = entry.node
                entry = Entry(copies[-1])
            result.append(entry)
        return result

    def _moved(self, entries: Sequence[Entry]) -> list[Entry]:
        return [Entry(self._new.get(id(entry.node), entry.node), entry.index) for entry in entries]
