"""From a graph and arrays to a plan: differentiate, infer, decide what lives where, compile."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.executor.gradient import GradientGraph, differentiate
from mxtrain.executor.memory import Key, Spec, key_of
from mxtrain.executor.placement import Crossings, Placement, Places
from mxtrain.executor.plan import Plan, Program, compile_program, plan_memory
from mxtrain.executor.recompute import can_recompute, recompute
from mxtrain.executor.recompute_choice import Graph, Policy, choose, is_asked_for
from mxtrain.executor.sparse_values import keep_sparse_values, sparse_storage
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.sparse_array import value_of
from mxtrain.ops.sparse.containers import DENSE, empty_container, storage_of
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

    shown: outputs and gradients of the graph that runs, with all that the passes have put in. outputs: buffer of each
    output. head_grads: per output the buffer that takes its gradient, None where the backward steps need none. places:
    per output the device. num_repeated: how many nodes backward computes again.
    """

    plan: Plan
    shown: list[Entry]
    outputs: list[Any]
    head_grads: list[Any]
    places: list[Context]
    num_repeated: int


def compile_graph(
    ctx: Context,
    heads: Sequence[Entry],
    arrays: Mapping[str, NDArray],
    targets: Mapping[str, Target],
    spare: Mapping[Context, Any],
    kept: Sequence[Entry] = (),
    is_train: bool = True,
    placement: Placement | None = None,
) -> Compiled:
    """Compile a graph over fixed arrays.

    arrays: of all variables by name. targets: where the gradients go, by name of the argument. spare: memory of
    another plan that may be used as well, by device. kept: values that outlive a run, beside the outputs. is_train: the
    mode of the forward steps that the backward steps belong to. placement: of a graph that is divided among devices.
    Raises ArgumentError naming the node where shapes or dtypes do not fit.
    """
    layout = lay_out(ctx, heads, arrays, targets, kept, is_train, placement)
    policy = Policy.from_environment()
    is_asked_for_less = bool(layout.graph.nodes) and is_asked_for(layout.forward, policy)
    chosen = choose(layout.choices(), policy) if is_asked_for_less else set()
    prepared = layout.prepare(chosen)
    program = prepared.program
    program.spare = spare
    plan = compile_program(program)
    for source, target in prepared.copies:
        plan.append_delivery(target.array, plan.buffers[source], program.places[source[0]], is_sum=target.req == "add")
    for node in layout.wanted:
        target = targets[node.name]
        if id(node) not in layout.graph.grads and target.req == "write":  # no output depends on it
            plan.append_delivery(target.array, 0, target.array.context)
    outputs = [plan.buffers[key_of(head)] for head in layout.heads]
    places = [layout.places[id(head.node)] for head in layout.heads]
    shown = [*layout.heads, *prepared.grads]
    return Compiled(plan, shown, outputs, layout.head_grads, places, prepared.num_repeated)


@dataclass
class Prepared:
    """What to compile, and what follows it: the gradients that must be copied or added to their targets.

    grads: the gradients of the wanted variables. num_repeated: how many nodes backward computes again.
    """

    program: Program
    copies: list[tuple[Key, Target]]
    grads: list[Entry]
    num_repeated: int


@dataclass
class Layout:
    """A graph with everything that is known before its memory is planned.

    heads, graph: the graph and its gradient graph, in which every node reads values of its own device. wanted: the
    variables whose gradients are wanted. fixed: buffers of variables and of the outputs' gradients. storage: types of
    the sparse values.
    """

    ctx: Context
    heads: list[Entry]
    graph: GradientGraph
    wanted: list[Node]
    targets: Mapping[str, Target]
    specs: dict[Key, Spec]
    places: Places
    fixed: dict[Key, Any]
    head_grads: list[Any]
    kept: list[Key] = field(default_factory=list)
    is_train: bool = True
    storage: dict[Key, str] = field(default_factory=dict)

    @property
    def forward(self) -> list[Node]:
        """The nodes of forward, variables excluded."""
        return [node for node in topological(self.heads) if not node.is_variable]

    def prepare(self, chosen: Set[int]) -> Prepared:
        """What to compile when the chosen nodes (by id) are computed again."""
        again = recompute(self.forward, self.graph, chosen)
        specs, places, storage = dict(self.specs), dict(self.places), dict(self.storage)
        for node in (*again.forward, *again.graph.nodes):
            original = again.originals.get(id(node))
            if original is not None:
                places[id(node)] = self.places[id(original)]
                _repeat_facts(specs, original, node)
                _repeat_facts(storage, original, node)
        fixed = dict(self.fixed)
        copies = _place_gradients(self.wanted, again.graph, self.targets, specs, places, storage, fixed)
        keep_sparse_values((*again.forward, *again.graph.nodes), storage, specs, places, fixed)
        kept = [*self.kept, *(source for source, _ in copies)]
        program = Program(
            self.ctx, again.forward, again.graph.nodes, fixed, specs, self.heads, places, kept, is_train=self.is_train
        )
        return Prepared(program, copies, list(again.graph.grads.values()), again.repeated)

    def choices(self) -> Graph:
        """What can be computed again, for `choose`."""
        read = {key_of(entry) for node in self.graph.nodes for entry in node.inputs}
        outlive = {*self.kept, *(key_of(head) for head in self.heads), *map(key_of, self.graph.grads.values())}
        owners = {key[0] for key in outlive} | _read_through_states(self.forward)
        candidates = [node for node in self.forward if id(node) not in owners and self._is_dense(node)]
        allowed = {id(node) for node in candidates if can_recompute(node, self._can_replay)}
        return Graph(self.forward, self.specs, allowed, read, self._bytes_with)

    def _is_dense(self, node: Node) -> bool:
        """Whether a node neither reads nor makes sparse values, which lie outside of the memory that could be saved."""
        outputs = [(id(node), i) for i in range(node.num_outputs)]
        return not any(key in self.storage for key in (*map(key_of, node.inputs), *outputs))

    def _can_replay(self, node: Node) -> bool:
        return self.places[id(node)].backend.rng.can_replay

    def _bytes_with(self, chosen: Set[int]) -> int:
        return sum(plan_memory(self.prepare(chosen).program).pack().values())


def _read_through_states(forward: Sequence[Node]) -> set[int]:
    """ids of the nodes whose values a later node may read once more in backward, through its state, where they lie."""
    stateful = [node for node in forward if node.op is not None and node.op.create_state and not node.op.repeatable]
    return {id(entry.node) for node in stateful for entry in node.inputs}


def _repeat_facts(facts: dict[Key, Any], original: Node, node: Node) -> None:
    """Let a node's outputs be like those of another one."""
    for i in range(node.num_outputs):
        if (id(original), i) in facts:
            facts[id(node), i] = facts[id(original), i]


def lay_out(
    ctx: Context,
    heads: Sequence[Entry],
    arrays: Mapping[str, NDArray],
    targets: Mapping[str, Target],
    kept: Sequence[Entry] = (),
    is_train: bool = True,
    placement: Placement | None = None,
) -> Layout:
    """Differentiate a graph, divide it among devices and infer shapes and dtypes. Arguments as in `compile_graph`."""
    placement = placement or Placement(ctx)
    at = {node.name: arrays[node.name].context for node in topological(heads) if node.is_variable}
    places = placement.of_forward(heads, at)
    is_divided = len(set(places.values())) > 1
    crossings = Crossings(places)
    heads = crossings.divided(heads) if is_divided else list(heads)
    variables = [node for node in topological(heads) if node.is_variable]
    wanted = [node for node in variables if node.name in targets]
    graph = differentiate(heads, wanted, is_train) if wanted else GradientGraph([], [None] * len(heads), {})
    for head, variable in zip(heads, graph.head_grads, strict=True):
        if variable is not None:
            places[id(variable)] = places[id(head.node)]
    placement.add_backward(graph.nodes, places)
    if is_divided:
        graph.nodes = crossings.connect(graph.nodes)
    specs = _specs(heads, graph, arrays, variables)
    storage = sparse_storage(heads, graph, {node.name: arrays[node.name].stype for node in variables})
    fixed: dict[Key, Any] = {(id(node), 0): value_of(arrays[node.name]) for node in variables}
    head_grads = [_head_gradient(places, node, specs, storage, fixed) for node in graph.head_grads]
    keys = [key_of(entry) for entry in kept]
    return Layout(ctx, list(heads), graph, wanted, targets, specs, places, fixed, head_grads, keys, is_train, storage)


def _specs(
    heads: Sequence[Entry], graph: GradientGraph, arrays: Mapping[str, NDArray], variables: Sequence[Node]
) -> dict[Key, Spec]:
    """Shape and dtype of every value, of the gradient graph as well."""
    shapes: dict[str, Any] = {node.name: arrays[node.name].shape for node in variables}
    types: dict[str, Any] = {node.name: arrays[node.name].raw_buffer.dtype for node in variables}
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


def _head_gradient(
    places: Places,
    variable: Node | None,
    specs: Mapping[Key, Spec],
    storage: Mapping[Key, str],
    fixed: dict[Key, Any],
) -> Any:
    """The buffer that takes the gradient by an output; None where the backward steps read none (loss layers)."""
    if variable is None:
        return None
    key, ctx = (id(variable), 0), places[id(variable)]
    spec = specs[key]
    with ctx.backend.active():
        if key in storage:
            buffer = empty_container(ctx.xp, storage[key], spec.shape, spec.dtype)
        else:
            buffer = ctx.xp.zeros(spec.shape, spec.dtype)
    fixed[key] = buffer
    return buffer


def _place_gradients(
    wanted: Sequence[Node],
    graph: GradientGraph,
    targets: Mapping[str, Target],
    specs: Mapping[Key, Spec],
    places: Places,
    storage: Mapping[Key, str],
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
        producer, value = computed.get(id(entry.node)), value_of(target.array)
        fits = producer is not None and not _is_view(producer) and specs[key].dtype == value.dtype
        is_there = places[id(entry.node)] is target.array.context and storage.get(key, DENSE) == storage_of(value)
        if fits and is_there and target.req == "write" and key not in fixed:
            fixed[key] = value
        else:
            copies.append((key, target))
    return copies


def _is_view(node: Node) -> bool:
    return node.op is not None and node.op.view
