"""From a graph and arrays to a plan: differentiate, infer, decide what lives where, compile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.executor.gradient import GradientGraph, differentiate
from mxtrain.executor.memory import Key, Spec, key_of
from mxtrain.executor.plan import Plan, Program, compile_program
from mxtrain.ndarray.array_type import NDArray
from mxtrain.symbol.graph import Entry, Node, topological
from mxtrain.symbol.infer import infer_shapes, infer_types


class UnknownSpecError(ArgumentError):
    """Shapes or dtypes that do not follow from those of the inputs."""


class Target(NamedTuple):
    """Where the gradient of an argument goes, and how: "write" or "add"."""

    array: NDArray
    req: str


@dataclass
class Compiled:
    """A compiled graph.

    outputs: buffer of each output. head_grads: per output the buffer that takes its gradient, None where the backward
    steps need none.
    """

    plan: Plan
    outputs: list[Any]
    head_grads: list[Any]


def compile_graph(
    ctx: Context,
    heads: Sequence[Entry],
    arrays: Mapping[str, NDArray],
    targets: Mapping[str, Target],
    spare: Sequence[Any],
    kept: Sequence[Entry] = (),
    is_train: bool = True,
) -> Compiled:
    """Compile a graph over fixed arrays.

    arrays: of all variables by name. targets: where the gradients go, by name of the argument. spare: byte buffers of
    another plan that may be used as well. kept: values that outlive a run, beside the outputs. is_train: the mode of
    the forward steps that the backward steps belong to.
    Raises ArgumentError naming the node where shapes or dtypes do not fit.
    """
    order = topological(heads)
    variables = [node for node in order if node.is_variable]
    wanted = [node for node in variables if node.name in targets]
    graph = differentiate(heads, wanted, is_train) if wanted else GradientGraph([], [None] * len(heads), {})
    specs = _specs(heads, graph, arrays, variables)
    fixed: dict[Key, Any] = {(id(node), 0): arrays[node.name]._data for node in variables}
    head_grads = [_head_gradient(ctx, node, specs, fixed) for node in graph.head_grads]
    copies = _place_gradients(wanted, graph, targets, specs, fixed)
    forward = [node for node in order if not node.is_variable]
    outlive = [*(key_of(entry) for entry in kept), *(source for source, _ in copies)]
    plan = compile_program(Program(ctx, forward, graph.nodes, fixed, specs, heads, outlive, spare, is_train))
    for source, target in copies:
        step = _accumulate if target.req == "add" else _copy
        plan.backward.append(partial(step, target.array._data, plan.buffers[source]), None)
    for node in wanted:
        target = targets[node.name]
        if id(node) not in graph.grads and target.req == "write":  # no output depends on it
            plan.backward.append(partial(_clear, target.array._data), None)
    return Compiled(plan, [plan.buffers[key_of(head)] for head in heads], head_grads)


def _specs(
    heads: Sequence[Entry], graph: GradientGraph, arrays: Mapping[str, NDArray], variables: Sequence[Node]
) -> dict[Key, Spec]:
    """Shape and dtype of every value, of the gradient graph as well."""
    shapes: dict[str, Any] = {node.name: arrays[node.name].shape for node in variables}
    types: dict[str, Any] = {node.name: arrays[node.name]._data.dtype for node in variables}
    forward_shapes, forward_types = infer_shapes(heads, shapes), infer_types(heads, types)
    for head, variable in zip(heads, graph.head_grads, strict=True):
        if variable is not None:
            shapes[variable.name] = forward_shapes.get(head)
            types[variable.name] = forward_types.get(head)
    backward = [Entry(node, i) for node in graph.nodes for i in range(node.num_outputs)]
    # a head gradient may be a gradient itself, with no node in between
    given = [Entry(node) for node in graph.head_grads if node is not None]
    everything = [*heads, *backward, *given]
    all_shapes, all_types = infer_shapes(everything, shapes), infer_types(everything, types)
    entries = [Entry(node, index) for node in all_shapes.order for index in range(node.num_outputs)]
    return {key_of(entry): _spec(entry, all_shapes.get(entry), all_types.get(entry)) for entry in entries}


def _spec(entry: Entry, shape: Any, dtype: Any) -> Spec:
    if shape is None or -1 in shape or dtype is None:
        raise UnknownSpecError(
            f"{entry.node.name}: expected a shape and dtype that follow from the bound arrays. "
            f"Received: shape {shape}, dtype {dtype}."
        )
    return Spec(tuple(shape), dtype)


def _head_gradient(ctx: Context, variable: Node | None, specs: Mapping[Key, Spec], fixed: dict[Key, Any]) -> Any:
    """The buffer that takes the gradient by an output; None where the backward steps read none (loss layers)."""
    if variable is None:
        return None
    spec = specs[id(variable), 0]
    with ctx.backend.active():
        buffer = ctx.xp.zeros(spec.shape, spec.dtype)
    fixed[id(variable), 0] = buffer
    return buffer


def _place_gradients(
    wanted: Sequence[Node],
    graph: GradientGraph,
    targets: Mapping[str, Target],
    specs: Mapping[Key, Spec],
    fixed: dict[Key, Any],
) -> list[tuple[Key, Target]]:
    """Let gradients be computed right into their arrays; returns those that a last step must copy or add."""
    copies: list[tuple[Key, Target]] = []
    computed = {id(node): node for node in graph.nodes}
    for variable in wanted:
        entry = graph.grads.get(id(variable))
        if entry is None:
            continue
        target, key = targets[variable.name], key_of(entry)
        producer = computed.get(id(entry.node))
        fits = producer is not None and not _is_view(producer) and specs[key].dtype == target.array._data.dtype
        if fits and target.req == "write" and key not in fixed:
            fixed[key] = target.array._data
        else:
            copies.append((key, target))
    return copies


def _is_view(node: Node) -> bool:
    return node.op is not None and node.op.view


def _copy(target: Any, source: Any) -> None:
    target[...] = source


def _clear(target: Any) -> None:
    target[...] = 0


def _accumulate(target: Any, source: Any) -> None:
    target += source
