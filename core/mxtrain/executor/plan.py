"""The compiled form of a graph: flat lists of steps over preallocated buffers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import length_hint
from typing import Any

import numpy as np

from mxtrain.context import Context
from mxtrain.device.generator import RandomState
from mxtrain.executor.fusion import elementwise_step, fuse
from mxtrain.executor.memory import ALIGNMENT, Key, MemoryPlan, MemoryPlanner, Spec, key_of
from mxtrain.executor.placement import Places
from mxtrain.executor.sparse_values import delivery, is_sparse, sparse_step
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.sparse_array import move, value_of
from mxtrain.ops.operator import Operator
from mxtrain.ops.parameters import Params
from mxtrain.symbol.graph import Entry, Node

Step = Callable[[], Any]
Buffers = dict[Key, Any]


@dataclass
class StepList:
    """Steps and the node that each of them computes."""

    steps: list[Step] = field(default_factory=list)
    nodes: list[Node | None] = field(default_factory=list)
    # neighbouring element-wise steps as one, once a run has asked for it; the position of the first step of each
    _fused: list[Step] = field(default_factory=list, repr=False)
    _positions: list[int] = field(default_factory=list, repr=False)
    _fused_count: int = 0

    def append(self, step: Step, node: Node | None) -> None:
        """Add a step at the end."""
        self.steps.append(step)
        self.nodes.append(node)

    def run(self, plan: "Plan") -> None:
        """Walk the steps, fused. Raises the operator's error naming the node."""
        if self._fused_count != len(self.steps):
            self._fused, self._positions = fuse(self.steps)
            self._fused_count = len(self.steps)
        remaining = iter(self._fused)
        try:
            for step in remaining:
                step()
        except Exception as error:
            node = self.nodes[self._positions[len(self._fused) - length_hint(remaining) - 1]]
            raise plan.explain(error, node) from error


@dataclass
class Plan:
    """Everything that an executor walks: forward steps per mode, backward steps, and the buffers they use.

    memory: the byte buffer of each device, in which the buffers of intermediate values lie. places: the device of each
    node, by id. is_divided: whether there are several. states: what nodes remember from forward to backward beside the
    buffers.
    """

    ctx: Context
    buffers: Buffers
    memory: dict[Context, Any]
    places: Places
    is_divided: bool
    training: StepList = field(default_factory=StepList)
    inference: StepList = field(default_factory=StepList)
    backward: StepList = field(default_factory=StepList)
    states: list[Any] = field(default_factory=list)

    def on(self, ctx: Context, step: Step) -> Step:
        """A step that finds its device current: an undivided plan runs on one that is current already."""
        return partial(_run_on, ctx, step) if self.is_divided and ctx.device_typeid == 2 else step

    def append_delivery(self, target: NDArray, value: Any, place: Context, is_sum: bool = False) -> None:
        """Add a last step of backward that copies a value (0, or a buffer on `place`) into an array, or adds it."""
        ctx = target.context
        is_far = place is not ctx and "gpu" in (place.device_type, ctx.device_type)
        buffer = value_of(target)
        deliver = delivery(ctx.xp, buffer, value, is_sum) or partial(_add if is_sum else _copy, buffer)
        step = partial(_deliver_from, deliver, value, place, ctx) if is_far else partial(deliver, value)
        self.backward.append(self.on(ctx, step), None)

    def explain(self, error: Exception, node: Node | None) -> Exception:
        """The error of a failed step, naming operator and node."""
        if node is None or node.op is None:
            return error
        arrays = [self.buffers[key_of(entry)] for entry in node.inputs]
        return node.op.explain(error, arrays, node.params, node.name)


@dataclass
class Program:
    """What is to be compiled.

    forward, backward: nodes in execution order, variables excluded. fixed: buffers of the values that have memory of
    their own (variables by id of the node, and gradients computed right into the caller's array). specs: shape and
    dtype of every value. heads: what must survive the run. places: the device of each node, by id. spare: memory of
    another executor that may be used, by device. is_train: the mode of the backward steps.
    """

    ctx: Context
    forward: Sequence[Node]
    backward: Sequence[Node]
    fixed: Buffers
    specs: Mapping[Key, Spec]
    heads: Sequence[Entry]
    places: Places
    kept: Iterable[Key] = ()
    spare: Mapping[Context, Any] = field(default_factory=dict)
    is_train: bool = True


def compile_program(program: Program) -> Plan:
    """Plan the memory, allocate it and turn every node into a step."""
    memory_plan = plan_memory(program)
    memory = _allocate(memory_plan.pack(), program.spare)
    buffers = _buffers(program, memory_plan, memory)
    contexts = {program.places[id(node)] for node in (*program.forward, *program.backward)}
    plan = Plan(program.ctx, buffers, memory, program.places, is_divided=len(contexts) > 1)
    compiler = _Compiler(plan, memory_plan, program)
    for node in program.forward:
        compiler.add(node, plan.training, is_train=True)
        compiler.add(node, plan.inference, is_train=False)
    compiler.replay_random_numbers(program.backward, plan.training if program.is_train else plan.inference)
    for node in program.backward:
        compiler.add(node, plan.backward, is_train=program.is_train)
    return plan


def plan_memory(program: Program) -> MemoryPlan:
    """Which value lives in which block; the blocks are not packed yet."""
    kept = {*program.kept, *(key_of(head) for head in program.heads)}
    planner = MemoryPlanner(program.specs, program.fixed, kept, lambda node: program.places[id(node)])
    return planner.plan([*program.forward, *program.backward])


def _allocate(sizes: Mapping[Context, int], spare: Mapping[Context, Any]) -> dict[Context, Any]:
    """One byte buffer per device; a spare one where it is large enough."""
    fitting = {ctx: spare[ctx] for ctx, nbytes in sizes.items() if ctx in spare and spare[ctx].nbytes >= nbytes}
    return {ctx: fitting[ctx] if ctx in fitting else allocate_bytes(ctx, nbytes) for ctx, nbytes in sizes.items()}


def allocate_bytes(ctx: Context, nbytes: int) -> Any:
    """An uninitialised, aligned byte buffer on a device."""
    if ctx.device_typeid == 2:
        with ctx.backend.active():
            return ctx.xp.empty(max(nbytes, 1), np.uint8)
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + max(nbytes, 1)]


def _shaped(memory: Any, offset: int, spec: Spec) -> Any:
    """A piece of a byte buffer as an array."""
    return memory[offset : offset + spec.nbytes].view(spec.dtype).reshape(spec.shape)


def _buffers(program: Program, memory_plan: MemoryPlan, memory: Mapping[Context, Any]) -> Buffers:
    buffers = dict(program.fixed)
    for key, number in memory_plan.block_of.items():
        block = memory_plan.blocks[number]
        with block.place.backend.active():
            buffers[key] = _shaped(memory[block.place], block.offset, program.specs[key])
    for key in memory_plan.view_of:
        buffers[key] = buffers[memory_plan.root(key)].reshape(program.specs[key].shape)
    return buffers


class _Compiler:
    """Turns nodes into steps."""

    def __init__(self, plan: Plan, memory_plan: MemoryPlan, program: Program) -> None:
        self._plan = plan
        self._mode = program.is_train
        # by id of a forward node: the backward node that shares its state
        self._way_back = {id(node.runtime["state"]): node for node in program.backward if "state" in node.runtime}
        self._buffers = plan.buffers
        self._views = memory_plan.view_of
        self._states: dict[int, Any] = {}
        self._drawn: dict[int, Drawn] = {}  # by id of a forward node

    def replay_random_numbers(self, backward: Sequence[Node], forward: StepList) -> None:
        """Let the random operators that backward repeats note, in forward, where the generator was."""
        for node in backward:
            origin = node.runtime.get("repeats")
            if origin is not None and node.op is not None and "rng" in node.op.runtime:
                position = next(i for i, other in enumerate(forward.nodes) if other is origin)
                drawn = self._drawn[id(origin)] = Drawn(self._plan.places[id(origin)].backend.rng)
                self._plan.states.append(drawn)
                forward.steps[position] = partial(drawn.first, forward.steps[position])

    def add(self, node: Node, steps: StepList, *, is_train: bool) -> None:
        """Append the step of a node; a reshape needs none."""
        op = node.op
        if op is None or (id(node), 0) in self._views:
            return
        ctx = self._plan.places[id(node)]
        step = self._step(op, node, ctx, is_train)
        drawn = self._drawn.get(id(node.runtime.get("repeats")))
        if drawn is not None:
            step = partial(drawn.again, step)
        steps.append(self._plan.on(ctx, step), node)

    def _step(self, op: Operator, node: Node, ctx: Context, is_train: bool) -> Step:
        inputs = [self._buffers[key_of(entry)] for entry in node.inputs]
        outputs = [self._buffers[id(node), i] for i in range(node.num_outputs)]
        source = self._plan.places[id(node.inputs[0].node)] if inputs else ctx
        if source is not ctx and op.name == "_CrossDeviceCopy":
            deliver = delivery(ctx.xp, outputs[0], inputs[0], is_sum=False) or partial(_copy, outputs[0])
            return partial(_deliver_from, deliver, inputs[0], source, ctx)
        if is_sparse((*inputs, *outputs)):
            return sparse_step(ctx.xp, node, inputs, outputs, partial(self._runtime, op, node, inputs, ctx, is_train))
        asked = self._runtime(op, node, inputs, ctx, is_train, op.asks)
        keywords = {**op.call_params(node.params), **asked}
        forward = op.choose_forward(inputs, node.params)
        in_blocks = elementwise_step(op, forward, inputs, outputs, keywords)
        if in_blocks is not None:
            return in_blocks
        call = partial(forward, ctx.xp, *op.arrange(inputs, node.params), **keywords)
        target = outputs[0] if op.single_output else tuple(outputs)
        if "out" in op.runtime:
            return partial(call, out=target)
        return partial(_compute_and_copy if op.single_output else _compute_and_copy_all, call, target)

    def _runtime(
        self, op: Operator, node: Node, inputs: Sequence[Any], ctx: Context, is_train: bool, names: Iterable[str]
    ) -> dict[str, Any]:
        """What a kernel asks of its surroundings, by name."""
        values = {
            "is_train": lambda: is_train,
            "rng": lambda: ctx.backend.rng,
            "ctx": lambda: ctx,
            "needs": lambda: self._needs(node, len(inputs), is_train),
            "state": lambda: self._state(op, node, inputs, ctx),
        }
        return {name: values[name]() for name in names if name in values}

    def _needs(self, node: Node, count: int, is_train: bool) -> tuple[bool, ...]:
        """Per input, whether its gradient will be asked for of the state after a run in this mode."""
        way_back = self._way_back.get(id(node)) if is_train is self._mode else None
        wanted = way_back.params["wanted"] if way_back is not None else ()
        return tuple(i in wanted for i in range(count))

    def _state(self, op: Operator, node: Node, inputs: Sequence[Any], ctx: Context) -> Any:
        """The state of a node: shared by both modes of a forward node, and with its backward nodes."""
        owner = node.runtime.get("state", node)
        if id(owner) not in self._states and op.create_state is not None:
            p = Params(**op.call_params(node.params))
            shapes, types = [a.shape for a in inputs], [a.dtype for a in inputs]
            self._states[id(owner)] = op.create_state(ctx, shapes, types, p)
            self._plan.states.append(self._states[id(owner)])
        return self._states.get(id(owner))


class Drawn:
    """Lets an operator draw the same random numbers twice. state: the generator of its device.

    memory: where the generator was; the body of a loop puts another one here for each step.
    """

    def __init__(self, state: RandomState) -> None:
        self._state = state
        self.memory: list[Any] = [None]

    def new_memory(self) -> list[Any]:
        """Memory for another run that has to be remembered beside the latest one."""
        return [None]

    def first(self, step: Step) -> None:
        """Run a step, noting where the generator was."""
        self.memory[0] = self._state.position
        step()

    def again(self, step: Step) -> None:
        """Run a step on the numbers of the first time; the generator goes on where it is."""
        with self._state.at(self.memory[0]):
            step()


def _run_on(ctx: Context, step: Step) -> None:
    with ctx.backend.active():
        step()


def _deliver_from(deliver: Callable[[Any], None], value: Any, place: Context, ctx: Context) -> None:
    """Deliver a value of another device."""
    is_far = "gpu" in (place.device_type, ctx.device_type)
    deliver(move(value, place, ctx) if is_far else value)


def _copy(target: Any, value: Any) -> None:
    target[...] = value


def _add(target: Any, value: Any) -> None:
    target += value


def _compute_and_copy(call: Step, target: Any) -> None:
    target[...] = call()


def _compute_and_copy_all(call: Step, targets: Sequence[Any]) -> None:
    for target, result in zip(targets, call(), strict=True):
        target[...] = result
