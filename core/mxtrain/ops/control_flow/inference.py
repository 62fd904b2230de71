"""Shapes and dtypes through the graphs inside control flow operators, in both directions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mxtrain.ops import shapes, types
from mxtrain.ops.control_flow.subgraph import Subgraph
from mxtrain.ops.control_flow.wiring import Wire, Wiring

Facts = list[Any]


@dataclass(frozen=True)
class Kind:
    """One kind of fact, shapes or dtypes.

    infer: the rule of a graph. unify: what two statements say together. step_of: the fact of one step's slice, from
    that of the data. whole_of: the fact of the data, from that of a slice, the number of steps and what is known of
    the data. length_of: the number of steps that a fact of stacked data tells.
    """

    infer: Callable[[Subgraph, Facts, Facts], tuple[Facts, Facts]]
    unify: Callable[[Any, Any], Any]
    step_of: Callable[[Any], Any]
    whole_of: Callable[[Any, Any, Any], Any]
    stacked: Callable[[Any, Any], Any]
    unstacked: Callable[[Any], Any]
    length_of: Callable[[Any], Any]


def _step_shape(shape: shapes.PartialShape) -> shapes.PartialShape:
    """Of one slice along axis 0; one of a vector has an axis of size 1, as in MXNet."""
    return None if not shape else shape[1:] or (1,)


def _whole_shape(step: shapes.PartialShape, length: int, known: shapes.PartialShape) -> shapes.PartialShape:
    if step is None or (known is None and len(step) == 1):  # a vector, or a matrix of one column
        return known
    return (length,) if known is not None and len(known) == 1 else (length, *step)


SHAPES = Kind(
    infer=lambda graph, ins, outs: graph.infer_shape(ins, outs),
    unify=shapes.unify,
    step_of=_step_shape,
    whole_of=_whole_shape,
    stacked=lambda step, length: None if step is None else (length, *step),
    unstacked=lambda shape: shape[1:] if shape else None,
    length_of=lambda shape: shape[0] if shape else -1,
)
TYPES = Kind(
    infer=lambda graph, ins, outs: graph.infer_type(ins, outs),
    unify=types.unify,
    step_of=lambda dtype: dtype,
    whole_of=lambda step, length, known: step,
    stacked=lambda step, length: step,
    unstacked=lambda dtype: dtype,
    length_of=lambda dtype: -1,
)


def infer_loop(
    kind: Kind, graph: Subgraph, wiring: Wiring, ins: Facts, outs: Facts, length: int = -1
) -> tuple[Facts, Facts]:
    """Facts of a loop's inputs and outputs. length: the size of axis 0 of stacked outputs where it is fixed."""
    ins, count = list(ins), wiring.num_out_data
    for fact in [*(ins[wire.source] for wire in wiring.data), *outs[:count]]:
        (length,) = shapes.unify((length,), (kind.length_of(fact),)) or (length,)
    body_ins: Facts = [None] * graph.num_inputs
    for wire in wiring.data:
        body_ins[wire.target] = kind.step_of(ins[wire.source])
    for wire in (*wiring.states, *wiring.free):
        body_ins[wire.target] = ins[wire.source]
    body_outs = [*(kind.unstacked(fact) for fact in outs[:count]), *outs[count:]]
    body_ins, body_outs = _infer_step(kind, graph, wiring, body_ins, body_outs)
    for wire in wiring.data:
        ins[wire.source] = kind.whole_of(body_ins[wire.target], length, ins[wire.source])
    for wire in (*wiring.states, *wiring.free):
        ins[wire.source] = body_ins[wire.target]
    return ins, [*(kind.stacked(fact, length) for fact in body_outs[:count]), *body_outs[count:]]


def _infer_step(kind: Kind, graph: Subgraph, wiring: Wiring, ins: Facts, outs: Facts) -> tuple[Facts, Facts]:
    """Facts of the body, where a state goes in as it comes out."""
    while True:
        before = [*ins, *outs]
        for index, wire in enumerate(wiring.states, wiring.num_out_data):
            ins[wire.target] = outs[index] = kind.unify(ins[wire.target], outs[index])
        ins, outs = kind.infer(graph, ins, outs)
        if _equal(before, [*ins, *outs]):
            return ins, outs


def _equal(before: Facts, after: Facts) -> bool:
    """Whether nothing was learnt; to NumPy, the dtype float64 equals None."""
    return all((a is None) == (b is None) and a == b for a, b in zip(before, after, strict=True))


def infer_graph(kind: Kind, graph: Subgraph, wires: Sequence[Wire], ins: Facts, outs: Facts) -> tuple[Facts, Facts]:
    """Facts of an operator's inputs, and of the outputs of a graph that is wired to some of them."""
    ins = list(ins)
    graph_ins: Facts = [None] * graph.num_inputs
    for wire in wires:
        graph_ins[wire.target] = ins[wire.source]
    graph_ins, outs = kind.infer(graph, graph_ins, outs)
    for wire in wires:
        ins[wire.source] = kind.unify(ins[wire.source], graph_ins[wire.target])
    return ins, outs
