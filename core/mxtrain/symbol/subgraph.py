"""A graph inside an operator: the body of a loop, or a branch."""

from collections.abc import Callable, Sequence
from typing import Any

from mxtrain.ops.operator import ZERO_GRADIENT
from mxtrain.symbol.graph import Entry, Node, topological
from mxtrain.symbol.infer import Facts, infer_shapes_of, infer_types_of

Known = list[Any]


class Subgraph:
    """A graph as a function of its variables, in the order in which a walk over it meets them.

    heads: its outputs. variables: its inputs. changed: per input, whether running the graph changes it (an auxiliary
    state of some operator).
    """

    def __init__(self, heads: Sequence[Entry]) -> None:
        self.heads = list(heads)
        order = topological(self.heads)
        self.variables = [node for node in order if node.is_variable]
        self.num_inputs = len(self.variables)
        self.num_outputs = len(self.heads)
        states = _changed_variables(order)
        self.changed = [id(node) in states for node in self.variables]
        self._latest: dict[str, tuple[Known, tuple[Known, Known]]] = {}

    def infer_shape(self, ins: Known, outs: Known) -> tuple[Known, Known]:
        """All that can be concluded about the shapes of inputs and outputs."""
        return self._infer("shape", infer_shapes_of, ins, outs)

    def infer_type(self, ins: Known, outs: Known) -> tuple[Known, Known]:
        """All that can be concluded about the dtypes of inputs and outputs."""
        return self._infer("dtype", infer_types_of, ins, outs)

    def _infer(self, what: str, infer: Callable[..., Facts], ins: Known, outs: Known) -> tuple[Known, Known]:
        # the graph around asks again whenever it has learnt something anywhere
        question = [(fact is None, fact) for fact in (*ins, *outs)]
        latest = self._latest.get(what)
        if latest is None or latest[0] != question:
            known = [(Entry(node), fact) for node, fact in zip(self.variables, ins, strict=True)]
            known += zip(self.heads, outs, strict=True)
            facts = infer(self.heads, known)
            answer = [facts.get(Entry(node)) for node in self.variables], [facts.get(head) for head in self.heads]
            latest = self._latest[what] = question, answer
        return list(latest[1][0]), list(latest[1][1])

    def depends(self, inputs: Sequence[bool]) -> list[bool]:
        """Per output, whether a gradient by it reaches one of the marked inputs."""
        reached = {id(node) for node, is_marked in zip(self.variables, inputs, strict=True) if is_marked}
        for node in topological(self.heads):
            if node.op is None or node.op.gradient is ZERO_GRADIENT:
                continue
            sources = node.inputs[: len(node.inputs) - node.num_aux]
            if any(id(entry.node) in reached for entry in sources):
                reached.add(id(node))
        return [id(head.node) in reached for head in self.heads]


def _changed_variables(order: Sequence[Node]) -> set[int]:
    """ids of the variables that some operator writes."""
    found: set[int] = set()
    for node in order:
        names = node.op.changed(node.params) if node.op is not None else ()
        found.update(
            id(entry.node) for name, entry in zip(node.input_names, node.inputs, strict=False) if name in names
        )
    return found
