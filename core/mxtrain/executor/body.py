"""The graph inside an operator (the body of a loop, a branch), compiled once to run again and again."""

from collections.abc import Sequence
from typing import Any

from mxtrain.context import Context
from mxtrain.executor.compilation import Target, compile_graph
from mxtrain.executor.executor_type import optimized
from mxtrain.executor.memory import Key, key_of
from mxtrain.executor.plan import Plan
from mxtrain.ndarray.array_type import wrap
from mxtrain.ops.control_flow.subgraph import install_compiler
from mxtrain.ops.registry import find
from mxtrain.symbol.graph import Entry, Node, replaced
from mxtrain.symbol.subgraph import Subgraph


class CompiledBody:
    """A compiled graph over fixed arrays; see `mxtrain.ops.control_flow.subgraph.Body`."""

    def __init__(
        self, graph: Subgraph, ctx: Context, inputs: Sequence[Any], reqs: Sequence[str | None], is_train: bool
    ) -> None:
        self.inputs = list(inputs)
        self.grads = [
            None if req is None else ctx.xp.zeros(array.shape, array.dtype)
            for req, array in zip(reqs, inputs, strict=True)
        ]
        names = [f"{node.name}#{position}" for position, node in enumerate(graph.variables)]
        targets = {
            name: Target(wrap(grad, ctx), req)
            for name, grad, req in zip(names, self.grads, reqs, strict=True)
            if grad is not None and req is not None
        }
        arrays = {name: wrap(array, ctx) for name, array in zip(names, inputs, strict=True)}
        compiled = compile_graph(ctx, _heads(graph, names), arrays, targets, {}, is_train=is_train)
        self.outputs = compiled.outputs
        self.head_grads = compiled.head_grads
        self._plan = compiled.plan
        self._forward = compiled.plan.training if is_train else compiled.plan.inference
        # an input that is added to stays the same from run to run
        unchanging = [array for array, req in zip(inputs, reqs, strict=True) if req == "add"]
        self._remembered = [
            buffer
            for buffer in _crossing(compiled.plan)
            if not any(buffer is other for other in (*unchanging, *self.head_grads))
        ]
        self._states = [state for state in compiled.plan.states if hasattr(state, "new_memory")]

    def new_record(self) -> "BodyRecord":
        """Room for what a run leaves behind."""
        memories = [state.new_memory() for state in self._states]
        return BodyRecord([buffer.copy() for buffer in self._remembered], memories)

    def run(self, record: "BodyRecord | None" = None) -> None:
        """Compute the outputs; with a record, remember what `run_back` needs."""
        if record is None:
            self._forward.run(self._plan)
            return
        self._use_memories(record)
        self._forward.run(self._plan)
        for kept, buffer in zip(record.values, self._remembered, strict=True):
            kept[...] = buffer

    def run_back(self, record: "BodyRecord") -> None:
        """Compute the gradients of the run that left the record."""
        self._use_memories(record)
        for kept, buffer in zip(record.values, self._remembered, strict=True):
            buffer[...] = kept
        self._plan.backward.run(self._plan)

    def _use_memories(self, record: "BodyRecord") -> None:
        for state, memory in zip(self._states, record.memories, strict=True):
            state.memory = memory


class BodyRecord:
    """What a run leaves behind: copies of the values that the way back reads, and the memories of stateful nodes."""

    __slots__ = ("memories", "values")

    def __init__(self, values: list[Any], memories: list[Any]) -> None:
        self.values = values
        self.memories = memories


def _crossing(plan: Plan) -> list[Any]:
    """The buffers that the steps of backward read and do not fill themselves."""
    steps = [node for part in (plan.training, plan.inference, plan.backward) for node in part.nodes if node is not None]
    has_step = {id(node) for node in steps}
    own = {id(node) for node in plan.backward.nodes if node is not None}
    found: dict[Key, Any] = {}
    for node in plan.backward.nodes:
        for entry in node.inputs if node is not None else ():
            while entry.node.op is not None and entry.node.op.view and id(entry.node) not in has_step:
                entry = entry.node.inputs[0]  # of a view, what matters is the memory that it shows
            if id(entry.node) not in own:
                found[key_of(entry)] = plan.buffers[key_of(entry)]
    return list(found.values())


def _heads(graph: Subgraph, names: Sequence[str]) -> list[Entry]:
    """The heads of an equal graph whose variables have these names, and none of whose outputs is an input."""
    substitutes = {
        id(node): Entry(Node(None, name, [], node.attrs)) for node, name in zip(graph.variables, names, strict=True)
    }
    heads = replaced(graph.heads, substitutes)
    copy = find("_copy")
    return optimized(
        [Entry(Node(copy, f"{head.node.name}_copy", [head])) if head.node.is_variable else head for head in heads]
    )


install_compiler(CompiledBody)
