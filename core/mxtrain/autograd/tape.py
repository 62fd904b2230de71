"""The tape: recorded operator calls, and reverse-mode differentiation over them."""

import heapq
import itertools
from collections.abc import Sequence
from typing import Any

from mxtrain.base import ArgumentError, MXNetError
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.ndarray.creation import ones, zeros
from mxtrain.ndarray.operators import functions
from mxtrain.ndarray.recording import install_tape, mode
from mxtrain.ops.operator import NOT_DIFFERENTIABLE, ZERO_GRADIENT

GRAD_REQS = ("write", "add", "null")
_order = itertools.count()


class Variable:
    """What makes an NDArray a leaf of the graph: where its gradient goes, and how ("write", "add" or "null")."""

    __slots__ = ("fresh", "grad", "grad_req")

    def __init__(self, grad: NDArray | None, grad_req: str) -> None:
        self.grad = grad
        self.grad_req = grad_req
        self.fresh = False


class Call:
    """One recorded call of an operator.

    Outputs are kept as backend arrays, not as NDArrays, which point back here: reference cycles would delay the release
    of memory until the garbage collector runs.
    """

    __slots__ = ("ctx", "entries", "inputs", "is_train", "op", "order", "outputs", "params", "state")

    def __init__(
        self, op: Any, params: dict[str, Any], inputs: Sequence[NDArray], outputs: Sequence[NDArray], is_train: bool
    ) -> None:
        self.op = op
        self.params = params
        self.inputs: tuple[NDArray, ...] | None = tuple(inputs)
        self.entries = tuple(x._entry for x in inputs)
        self.outputs: tuple[Any, ...] | None = tuple(y._data for y in outputs)
        self.ctx = outputs[0]._ctx
        self.is_train = is_train
        self.order = next(_order)
        self.state: Any = None

    def output(self, index: int) -> NDArray:
        """An output as an NDArray that hangs on the tape."""
        if self.outputs is None:
            raise MXNetError(
                f"Expected: a recorded graph that still exists. Received: backward through {self.op!r} a second time. "
                "Keep it with backward(retain_graph=True)."
            )
        array = wrap(self.outputs[index], self.ctx)
        array._entry = Output(self, index)
        return array

    def release(self) -> None:
        """Forget the values, which only another backward would need."""
        self.inputs = None
        self.outputs = None


class Output:
    """The place of an NDArray on the tape: output `index` of `call`."""

    __slots__ = ("call", "fresh", "index")

    def __init__(self, call: Call, index: int) -> None:
        self.call = call
        self.index = index


class AutogradTape:
    """Records calls and differentiates them (the process's `recording.tape`)."""

    def record(
        self,
        op: Any,
        params: dict[str, Any],
        inputs: Sequence[NDArray],
        outputs: Sequence[NDArray],
        is_train: bool,
        state: Any = None,
    ) -> None:
        """Note a call, if a gradient can flow through it."""
        if all(x._entry is None for x in inputs) or op.gradient is ZERO_GRADIENT:
            return
        call = Call(op, params, inputs, outputs, is_train)
        call.state = state
        for index, output in enumerate(outputs):
            output._entry = Output(call, index)

    def attach(self, array: NDArray, grad_req: str, stype: str | None) -> None:
        """Make an array a variable with a gradient array of zeros."""
        grad = None if grad_req == "null" else zeros(array.shape, array.context, array._data.dtype)
        self.mark(array, grad, grad_req)

    def mark(self, array: NDArray, grad: NDArray | None, grad_req: str) -> None:
        """Make an array a variable whose gradient goes to `grad`."""
        if grad_req not in GRAD_REQS:
            raise ArgumentError(f"Expected: a grad_req of {list(GRAD_REQS)}. Received: {grad_req!r}.")
        array._entry = Variable(grad, grad_req)

    def grad_of(self, array: NDArray) -> NDArray | None:
        """The gradient array of a variable, or None."""
        entry = array._entry
        return entry.grad if isinstance(entry, Variable) else None

    def backward(
        self,
        heads: Sequence[NDArray],
        head_grads: Sequence[NDArray | None],
        *,
        retain_graph: bool = False,
        train_mode: bool = True,
    ) -> None:
        """Fill the gradient arrays of every variable that the heads depend on."""
        found = differentiate(heads, head_grads, retain_graph, create_graph=False, train_mode=train_mode)
        for variable, grad in found.items():
            if variable.grad_req == "add" and variable.grad is not None:
                with variable.grad._ctx.backend.active():
                    variable.grad._data += grad._data
            elif variable.grad_req == "write" and variable.grad is not None:
                variable.grad.copy_values_from(grad._data, grad._ctx)
            variable.fresh = True


class _Sums:
    """Gradients that have arrived so far, per output of a call and per variable."""

    def __init__(self) -> None:
        self.of_calls: dict[Call, dict[int, NDArray]] = {}
        self.of_variables: dict[Variable, NDArray] = {}
        self.queue: list[tuple[int, Call]] = []

    def add(self, entry: Any, grad: NDArray) -> None:
        if isinstance(entry, Variable):
            if entry.grad_req != "null":
                known = self.of_variables.get(entry)
                self.of_variables[entry] = grad if known is None else functions.elemwise_add(known, grad)
            return
        sums = self.of_calls.get(entry.call)
        if sums is None:
            sums = self.of_calls[entry.call] = {}
            heapq.heappush(self.queue, (-entry.call.order, entry.call))
        known = sums.get(entry.index)
        sums[entry.index] = grad if known is None else functions.elemwise_add(known, grad)

    def pop(self) -> tuple[Call, dict[int, NDArray]]:
        """The latest call whose gradients are complete."""
        _, call = heapq.heappop(self.queue)
        return call, self.of_calls.pop(call)


def differentiate(
    heads: Sequence[NDArray],
    head_grads: Sequence[NDArray | None],
    retain_graph: bool,
    create_graph: bool,
    train_mode: bool,
) -> dict[Variable, NDArray]:
    """The gradient of the sum of the heads, weighted with head_grads (None: ones), by every variable."""
    sums = _Sums()
    for head, head_grad in zip(heads, head_grads, strict=True):
        if head._entry is None:
            raise MXNetError(
                "Expected: a head computed from variables inside autograd.record(). Received: an array that no "
                "recorded computation produced. Call attach_grad() on the inputs and compute the head under record()."
            )
        sums.add(head._entry, _head_gradient(head, head_grad))
    saved = mode.recording, mode.training
    mode.recording, mode.training = create_graph, train_mode
    try:
        while sums.queue:
            _step_back(*sums.pop(), sums, retain_graph or create_graph)
    finally:
        mode.recording, mode.training = saved
    return sums.of_variables


def _head_gradient(head: NDArray, given: NDArray | None) -> NDArray:
    if given is None:
        return ones(head.shape, head.context, head._data.dtype)
    if given.shape != head.shape:
        raise ArgumentError(f"Expected: a head gradient of shape {head.shape}. Received: {given.shape}.")
    return given


def _step_back(call: Call, arrived: dict[int, NDArray], sums: _Sums, keep: bool) -> None:
    """Carry the gradients of a call's outputs over to its inputs."""
    gradients = _input_gradients(call, arrived)
    for entry, grad in zip(call.entries, gradients, strict=False):
        if entry is not None and grad is not None:
            sums.add(entry, grad)
    if not keep:
        call.release()


def _input_gradients(call: Call, arrived: dict[int, NDArray]) -> Sequence[NDArray | None]:
    op = call.op
    if op.gradient is NOT_DIFFERENTIABLE:
        raise MXNetError(f"Operator {op.name!r}: expected a differentiable operator in backward. It has no gradient.")
    if call.outputs is None or call.inputs is None:
        call.output(0)  # raises
        raise AssertionError
    outputs = [call.output(index) for index in range(len(call.outputs))]
    gy: Any = [arrived[i] if i in arrived else functions.zeros_like(y) for i, y in enumerate(outputs)]
    y: Any = outputs
    if op.single_output:
        gy, y = gy[0], y[0]
    inputs = op.arrange(call.inputs, call.params)
    result = op.gradient(functions, gy, y, *inputs, **_keywords(call))
    grads = list(result) if isinstance(result, (tuple, list)) else [result]
    return _without_unused(op, grads, call)


def _without_unused(op: Any, grads: list[Any], call: Call) -> list[Any]:
    """Gradients aligned with the inputs in use (formulas answer for every declared input)."""
    if call.inputs is None or len(grads) <= len(call.inputs) or op.choose_inputs is None:
        return grads
    names = set(op.inputs(call.params))
    return [grad for name, grad in zip(op.input_names, grads, strict=False) if name in names]


def _keywords(call: Call) -> dict[str, Any]:
    """The parameters of a call, with the runtime arguments that its gradient asks for."""
    keywords: dict[str, Any] = call.op.call_params(call.params)
    wanted = call.op.gradient_runtime
    if "is_train" in wanted:
        keywords = {**keywords, "is_train": call.is_train}
    if "state" in wanted:
        keywords = {**keywords, "state": call.state}
    if "needs" in wanted:
        keywords = {**keywords, "needs": tuple(entry is not None for entry in call.entries)}
    return keywords


tape = AutogradTape()
install_tape(tape)
