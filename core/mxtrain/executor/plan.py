"""The compiled form of a graph: flat lists of steps over preallocated buffers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import length_hint
from typing import Any

import numpy as np

from mxtrain.context import Context
from mxtrain.executor.memory import ALIGNMENT, Key, MemoryPlan, MemoryPlanner, Spec, key_of
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

    def append(self, step: Step, node: Node | None) -> None:
        """Add a step at the end."""
        self.steps.append(step)
        self.nodes.append(node)

    def run(self, plan: "Plan") -> None:
        """Walk the steps. Raises the operator's error naming the node."""
        remaining = iter(self.steps)
        try:
            for step in remaining:
                step()
        except Exception as error:
            node = self.nodes[len(self.steps) - length_hint(remaining) - 1]
            raise plan.explain(error, node) from error


@dataclass
class Plan:
    """Everything that an executor walks: forward steps per mode, backward steps, and the buffers they use."""

    ctx: Context
    buffers: Buffers
    slots: list[Any]
    training: StepList
    inference: StepList
    backward: StepList

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
    dtype of every value. heads: what must survive the run. spare: byte buffers of another executor that may be used.
    is_train: the mode of the backward steps.
    """

    ctx: Context
    forward: Sequence[Node]
    backward: Sequence[Node]
    fixed: Buffers
    specs: Mapping[Key, Spec]
    heads: Sequence[Entry]
    kept: Iterable[Key] = ()
    spare: Sequence[Any] = ()
    is_train: bool = True


def compile_program(program: Program) -> Plan:
    """Plan the memory, allocate it and turn every node into a step."""
    kept = {*program.kept, *(key_of(head) for head in program.heads)}
    planner = MemoryPlanner(program.specs, program.fixed, kept, [buffer.nbytes for buffer in program.spare])
    memory = planner.plan([*program.forward, *program.backward])
    slots = _allocate(program.ctx, memory, program.spare)
    buffers = _buffers(program, memory, slots)
    plan = Plan(program.ctx, buffers, slots, StepList(), StepList(), StepList())
    compiler = _Compiler(program.ctx, buffers, memory)
    for node in program.forward:
        compiler.add(node, plan.training, is_train=True)
        compiler.add(node, plan.inference, is_train=False)
    for node in program.backward:
        compiler.add(node, plan.backward, is_train=program.is_train)
    return plan


def _allocate(ctx: Context, memory: MemoryPlan, spare: Sequence[Any]) -> list[Any]:
    """One byte buffer per slot; a spare one where it is large enough."""
    slots = []
    for index, slot in enumerate(memory.slots):
        if index < len(spare) and spare[index].nbytes >= slot.nbytes:
            slots.append(spare[index])
        else:
            slots.append(allocate_bytes(ctx, slot.nbytes))
    return slots


def allocate_bytes(ctx: Context, nbytes: int) -> Any:
    """An uninitialised, aligned byte buffer on a device."""
    if ctx.device_typeid == 2:
        with ctx.backend.active():
            return ctx.xp.empty(max(nbytes, 1), np.uint8)
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + max(nbytes, 1)]


def shaped(buffer: Any, spec: Spec) -> Any:
    """The front of a byte buffer as an array."""
    return buffer[: spec.nbytes].view(spec.dtype).reshape(spec.shape)


def _buffers(program: Program, memory: MemoryPlan, slots: Sequence[Any]) -> Buffers:
    buffers = dict(program.fixed)
    for key, slot in memory.slot_of.items():
        buffers[key] = shaped(slots[slot], program.specs[key])
    for key in memory.view_of:
        buffers[key] = buffers[memory.root(key)].reshape(program.specs[key].shape)
    return buffers


class _Compiler:
    """Turns nodes into steps."""

    def __init__(self, ctx: Context, buffers: Buffers, memory: MemoryPlan) -> None:
        self._ctx = ctx
        self._buffers = buffers
        self._memory = memory
        self._states: dict[int, Any] = {}

    def add(self, node: Node, steps: StepList, *, is_train: bool) -> None:
        """Append the step of a node; a reshape needs none."""
        if (id(node), 0) in self._memory.view_of:
            return
        op = node.op
        if op is None:
            return
        inputs = [self._buffers[key_of(entry)] for entry in node.inputs]
        outputs = [self._buffers[id(node), i] for i in range(node.num_outputs)]
        keywords = {**op.call_params(node.params), **self._runtime(op, node, inputs, is_train)}
        call = partial(
            op.choose_forward(inputs, node.params), self._ctx.xp, *op.arrange(inputs, node.params), **keywords
        )
        target = outputs[0] if op.single_output else tuple(outputs)
        if "out" in op.runtime:
            steps.append(partial(call, out=target), node)
        elif op.single_output:
            steps.append(partial(_compute_and_copy, call, target), node)
        else:
            steps.append(partial(_compute_and_copy_all, call, target), node)

    def _runtime(self, op: Operator, node: Node, inputs: Sequence[Any], is_train: bool) -> dict[str, Any]:
        values = {
            "is_train": lambda: is_train,
            "rng": lambda: self._ctx.backend.rng,
            "ctx": lambda: self._ctx,
            "needs": lambda: (True,) * len(inputs),
            "state": lambda: self._state(op, node, inputs),
        }
        return {name: values[name]() for name in op.runtime - {"out"}}

    def _state(self, op: Operator, node: Node, inputs: Sequence[Any]) -> Any:
        """The state of a node: shared by both modes of a forward node, and with its backward nodes."""
        owner = node.runtime.get("state", node)
        if id(owner) not in self._states and op.create_state is not None:
            p = Params(**op.call_params(node.params))
            shapes, types = [a.shape for a in inputs], [a.dtype for a in inputs]
            self._states[id(owner)] = op.create_state(self._ctx, shapes, types, p)
        return self._states.get(id(owner))


def _compute_and_copy(call: Step, target: Any) -> None:
    target[...] = call()


def _compute_and_copy_all(call: Step, targets: Sequence[Any]) -> None:
    for target, result in zip(targets, call(), strict=True):
        target[...] = result
