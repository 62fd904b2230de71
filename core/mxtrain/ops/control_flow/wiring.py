"""Which input of a control flow operator goes to which input of the graph inside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mxtrain.base import ArgumentError
from mxtrain.ops.control_flow.subgraph import Subgraph


class Wire(NamedTuple):
    """From input `source` of the operator to input `target` of the graph."""

    target: int
    source: int


@dataclass(frozen=True)
class Wiring:
    """The inputs of a loop's body.

    data: those that get one slice per step. states: those that carry a value from step to step, in the order in which
    the body gives the new ones. free: those that stay the same. num_out_data: how many outputs of the body are stacked;
    the new states follow them.
    """

    data: tuple[Wire, ...]
    states: tuple[Wire, ...]
    free: tuple[Wire, ...]
    num_out_data: int

    @property
    def num_inputs(self) -> int:
        """How many inputs the body has."""
        return len(self.data) + len(self.states) + len(self.free)


def wire_foreach(p: Any) -> Wiring:
    """The wiring of `_foreach`: data, states and free variables follow each other among its inputs."""
    (body,) = require_graphs("_foreach", p, 1)
    targets = (*p.in_data_locs, *p.in_state_locs, *p.remain_locs)
    wires = tuple(Wire(target, source) for source, target in enumerate(targets))
    _require_all("_foreach", targets, body.num_inputs)
    _require_outputs("_foreach", p, body, len(p.in_state_locs))
    states, free = len(p.in_data_locs), len(p.in_data_locs) + len(p.in_state_locs)
    return Wiring(wires[:states], wires[states:free], wires[free:], p.num_out_data)


def wire_while(p: Any) -> Wiring:
    """The wiring of the body of `_while_loop`, its second graph."""
    _, body = require_graphs("_while_loop", p, 2)
    wires = tuple(Wire(target, source) for target, source in enumerate(p.func_input_locs))
    _require_all("_while_loop", range(len(wires)), body.num_inputs)
    _require_outputs("_while_loop", p, body, len(p.func_var_locs))
    variables = frozenset(p.func_var_locs)
    free = tuple(wire for wire in wires if wire.target not in variables)
    return Wiring((), tuple(wires[i] for i in p.func_var_locs), free, p.num_out_data)


def _require_all(name: str, targets: Sequence[int], num_inputs: int) -> None:
    """Raise ArgumentError unless every input of a graph is wired exactly once."""
    if sorted(targets) != list(range(num_inputs)):
        raise ArgumentError(
            f"Operator {name!r}: expected each of the {num_inputs} inputs of its graph in one place. "
            f"Received: places {list(targets)}."
        )


def changed_inputs(graphs: Sequence[Subgraph], sources: Sequence[Mapping[int, int]]) -> list[str]:
    """Names of the operator's inputs that graphs inside it change, as their auxiliary states.

    sources: per graph, which of the operator's inputs each of its own is.
    """
    changed = {
        places[target]
        for graph, places in zip(graphs, sources, strict=False)
        for target, is_changed in enumerate(graph.changed)
        if is_changed and target in places
    }
    return [f"data{source}" for source in sorted(changed)]


def require_graphs(name: str, p: Any, count: int) -> tuple[Subgraph, ...]:
    """The graphs inside an operator. Raises ArgumentError for another number of them."""
    graphs: tuple[Subgraph, ...] = p.subgraphs
    if len(graphs) != count:
        raise ArgumentError(
            f"Operator {name!r}: expected {count} graph(s) inside. Received: {len(graphs)}. The functions of contrib "
            "make them from Python functions."
        )
    return graphs


def _require_outputs(name: str, p: Any, body: Subgraph, num_states: int) -> None:
    if not p.num_outputs == body.num_outputs == p.num_out_data + num_states:
        raise ArgumentError(
            f"Operator {name!r}: expected outputs for {p.num_out_data} stacked ones and {num_states} states. "
            f"Received: num_outputs={p.num_outputs}, and a body with {body.num_outputs}."
        )
