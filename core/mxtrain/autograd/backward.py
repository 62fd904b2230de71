"""Reverse-mode differentiation of the recorded graph."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain.autograd.graph import Call, Output, Variable
from mxtrain.base import ArgumentError, MXNetError
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.ndarray.invoke import invoke
from mxtrain.ndarray.operators import functions
from mxtrain.ndarray.recording import mode
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, ZERO_GRADIENT
from mxtrain.ops.registry import find

_NO_KEYWORDS: dict[str, Any] = {}
_ADD = find("elemwise_add")


class Gradients:
    """Gradients that have arrived so far.

    of_variables: by variable, None where only zeros arrived. of_outputs: those of the outputs that are asked for.
    stop_there: whether these outputs end the walk, as variables do.
    """

    def __init__(self, wanted: Sequence[Output], stop_there: bool = False) -> None:
        self.of_variables: dict[Variable, NDArray | None] = {}
        self.of_outputs: dict[tuple[Call, int], NDArray | None] = {}
        self._wanted = {(output.call, output.index) for output in wanted}
        self._ends = self._wanted if stop_there else frozenset()
        self._of_calls: dict[Call, dict[int, NDArray]] = {}
        self._queue: list[tuple[int, Call]] = []

    def add(self, entry: Any, grad: NDArray | None) -> None:
        """Let a gradient arrive at a place of the graph; None stands for zeros."""
        if type(entry) is Variable:
            if entry.grad_req != "null":
                known = self.of_variables.get(entry)
                if known is None or grad is None:
                    self.of_variables[entry] = known if grad is None else grad
                else:
                    self.of_variables[entry] = _sum(known, grad)
            return
        call = entry.call
        if self._ends and (call, entry.index) in self._ends:
            known = self.of_outputs.get((call, entry.index))
            if grad is not None:
                known = grad if known is None else _sum(known, grad)
            self.of_outputs[call, entry.index] = known
            return
        arrived = self._of_calls.get(call)
        if arrived is None:
            arrived = self._of_calls[call] = {}
            heapq.heappush(self._queue, (-call.order, call))
        if grad is not None:
            before = arrived.get(entry.index)
            arrived[entry.index] = grad if before is None else _sum(before, grad)

    def at(self, entry: Any) -> NDArray | None:
        """The gradient that arrived at a variable or a wanted output; None for zeros."""
        if type(entry) is Variable:
            return self.of_variables.get(entry)
        return self.of_outputs.get((entry.call, entry.index))

    def pop(self) -> tuple[Call, dict[int, NDArray]] | None:
        """The latest call, whose gradients are complete, and these by output; None at the end."""
        if not self._queue:
            return None
        _, call = heapq.heappop(self._queue)
        arrived = self._of_calls.pop(call)
        if self._wanted:
            for index in range(len(call.require_values()[1])):
                if (call, index) in self._wanted:
                    self.of_outputs[call, index] = arrived.get(index)
        return call, arrived


def _sum(known: NDArray, grad: NDArray) -> NDArray:
    total: NDArray = invoke(_ADD, (known, grad), _NO_KEYWORDS)
    return total


def differentiate(
    heads: Sequence[NDArray],
    head_grads: Sequence[NDArray | None],
    retain_graph: bool,
    create_graph: bool,
    train_mode: bool,
    wanted: Sequence[Output] = (),
    stop_there: bool = False,
) -> Gradients:
    """The gradient of the sum of the heads, weighted with head_grads (None: ones), by every variable.

    wanted: outputs of calls whose gradients are asked for as well; stop_there: nothing before them is differentiated.
    Raises MXNetError for a head that was not recorded, for an operator without gradient, and for a graph that was
    released.
    """
    gradients = Gradients(wanted, stop_there)
    for head, head_grad in zip(heads, head_grads, strict=True):
        if head._entry is None:
            raise MXNetError(
                "Expected: a head computed from variables inside autograd.record(). Received: an array that no "
                "recorded computation produced. Call attach_grad() on the inputs and compute the head under record()."
            )
        gradients.add(head._entry, _head_gradient(head, head_grad))
    saved = mode.recording, mode.training
    mode.recording, mode.training = create_graph, train_mode
    try:
        while (latest := gradients.pop()) is not None:
            _step_back(*latest, gradients)
            if not (retain_graph or create_graph):
                latest[0].release()
    finally:
        mode.recording, mode.training = saved
    return gradients


def _head_gradient(head: NDArray, given: NDArray | None) -> NDArray:
    if given is None:
        ctx = head._ctx
        if type(head) is NDArray and ctx.device_typeid != 2:
            ones = np.empty_like(head.raw_buffer)
            ones.fill(1)  # np.ones takes several times as long
            return wrap(ones, ctx)
        with ctx.backend.active():
            return wrap(ctx.xp.ones(head.shape, head.dtype), ctx)
    if given.shape != head.shape:
        if head.ndim and given.shape[1:] == head.shape[1:] and given.shape[0] > head.shape[0]:
            return given[: head.shape[0]]  # as in MXNet, further rows do not matter
        raise ArgumentError(f"Expected: a head gradient of shape {head.shape}. Received: {given.shape}.")
    return given


def _step_back(call: Call, arrived: dict[int, NDArray], gradients: Gradients) -> None:
    """Carry the gradients of a call's outputs over to its inputs."""
    by_inputs: Sequence[NDArray | None] = _input_gradients(call, arrived)
    for entry, grad in zip(call.entries, by_inputs, strict=True):
        if entry is not None:
            gradients.add(entry, grad)


def _input_gradients(call: Call, arrived: dict[int, NDArray]) -> Sequence[NDArray | None]:
    """The gradient by each input, None for zeros."""
    op = call.op
    inputs, outputs = call.require_values()
    if not arrived or op.gradient is ZERO_GRADIENT:
        return (None,) * len(inputs)
    if op.gradient is NOT_DIFFERENTIABLE:
        raise MXNetError(f"Operator {op.name!r}: expected a differentiable operator in backward. It has no gradient.")
    if op.composition is not None and mode.recording:
        composed = _gradients_of_composition(call, arrived)
        if composed is not None:
            return composed
    gy: Any
    y: Any
    if op.single_output:
        gy, y = arrived[0], call.output(0, outputs[0], mode.recording)
    else:
        y = [call.output(index, data, mode.recording) for index, data in enumerate(outputs)]
        gy = [arrived[i] if i in arrived else functions.zeros_like(output) for i, output in enumerate(y)]
    arranged = inputs if op.choose_inputs is None else op.arrange(inputs, call.params)
    result = op.gradient(functions, gy, y, *arranged, **_keywords(call))
    grads = result if isinstance(result, (tuple, list)) else (result,)
    return grads if len(grads) == len(inputs) else _of_inputs_in_use(call, grads)


def _gradients_of_composition(call: Call, arrived: dict[int, NDArray]) -> Sequence[NDArray | None] | None:
    """The gradients by the inputs, through the operators that the call's operator is composed of; None if of none."""
    op = call.op
    inputs, _ = call.require_values()
    keywords = _runtime(call, op.composition_runtime)

    def compose(*arrays: NDArray) -> Sequence[NDArray] | None:
        outputs: Any = op.composition(functions, *op.arrange(arrays, call.params), **keywords)
        return outputs if outputs is None or isinstance(outputs, (tuple, list)) else [outputs]

    return gradients_through(compose, inputs, arrived, call.is_train)


def gradients_through(
    compute: Callable[..., Sequence[NDArray] | None],
    inputs: Sequence[NDArray],
    head_grads: Mapping[int, NDArray],
    is_train: bool,
) -> list[NDArray | None] | None:
    """The gradients of compute(*inputs), run again, by each input (None: zeros); recorded where this thread records.

    head_grads: by output. is_train: the mode to run in. Nothing before the inputs is differentiated. None where
    `compute` gives None.
    """
    create_graph, training = mode.recording, mode.training
    mode.recording, mode.training = True, is_train
    try:
        aliases = [_alias(array) for array in inputs]
        outputs = compute(*aliases)
    finally:
        mode.recording, mode.training = create_graph, training
    if outputs is None:
        return None
    entries = [alias._entry for alias in aliases]
    heads = {index: outputs[index] for index in head_grads if outputs[index]._entry is not None}
    found = differentiate(
        list(heads.values()),
        [head_grads[index] for index in heads],
        retain_graph=False,
        create_graph=create_graph,
        train_mode=is_train,
        wanted=[entry for entry in entries if entry is not None],
        stop_there=True,
    )
    return [None if entry is None else found.at(entry) for entry in entries]


def _alias(array: NDArray) -> NDArray:
    """The same memory at a place of the graph of its own, since one array may be several inputs."""
    if array._entry is None:
        return array
    alias = array.detach()
    recording.tape.record(find("_copy"), {}, (array,), (alias,), mode.training, None)
    return alias


def _of_inputs_in_use(call: Call, grads: Sequence[NDArray | None]) -> Sequence[NDArray | None]:
    """Formulas answer for every declared input that is no auxiliary state; this aligns the answers with the inputs."""
    names = call.op.all_inputs(call.params)
    declared = names if call.op.variadic else call.op.input_names
    answers = dict(zip(declared, grads, strict=False))
    return [answers.get(name) for name in names]


def _keywords(call: Call) -> dict[str, Any]:
    """The parameters of a call, with the runtime arguments that its gradient asks for."""
    return _runtime(call, call.op.gradient_runtime)


def _runtime(call: Call, asks: frozenset[str]) -> dict[str, Any]:
    op = call.op
    keywords = op.call_params(call.params) if call.params and op.variadic else call.params
    if asks:
        answers = {
            "is_train": call.is_train,
            "state": call.state,
            "needs": tuple(entry is not None for entry in call.entries),
        }
        return {**keywords, **{name: answers[name] for name in asks}}
    return keywords
