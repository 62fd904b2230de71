"""The tape: recorded operator calls, as the graph that `backward.py` differentiates."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from mxtrain.autograd.backward import differentiate, gradients_through
from mxtrain.autograd.graph import Call, Output, Variable
from mxtrain.base import ArgumentError
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import zeros
from mxtrain.ndarray.recording import install_tape, mode

GRAD_REQS = ("write", "add", "null")
_order = itertools.count()


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
        """Note a call, if it depends on a variable of a graph that still exists."""
        depends = False
        for array in inputs:
            entry = array._entry
            if entry is None:
                continue
            if type(entry) is Output and entry.call.inputs is None:
                array._entry = None  # a backward has released what it was computed from: a constant from now on
            else:
                depends = True
        if not depends:
            return
        call = Call(op, params, inputs, outputs, is_train, state, next(_order))
        for index, output in enumerate(outputs):
            output._entry = Output(call, index)

    def attach(self, array: NDArray, grad_req: str, stype: str | None) -> None:
        """Make an array a variable with a gradient array of zeros. stype: its storage; the array's by default."""
        grad = None if grad_req == "null" else zeros(array.shape, array.context, array.dtype, stype or array.stype)
        self.mark(array, grad, grad_req)

    def mark(self, array: NDArray, grad: NDArray | None, grad_req: str) -> None:
        """Make an array a variable whose gradient goes to `grad`. What it was computed from is forgotten."""
        if grad_req not in GRAD_REQS:
            raise ArgumentError(f"Expected: a grad_req of {list(GRAD_REQS)}. Received: {grad_req!r}.")
        if grad is not None and grad.shape != array.shape:
            raise ArgumentError(f"Expected: a gradient array of shape {array.shape}. Received: {grad.shape}.")
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
        for variable, grad in found.of_variables.items():
            variable.receive(grad)

    def gradients(
        self,
        heads: Sequence[NDArray],
        head_grads: Sequence[NDArray | None],
        variables: Sequence[NDArray],
        *,
        create_graph: bool = False,
    ) -> list[NDArray | None]:
        """The gradient of the heads by each variable, None for zeros; their gradient arrays stay as they are."""
        linked = [(head, grad) for head, grad in zip(heads, head_grads, strict=True) if head._entry is not None]
        found = differentiate(
            [head for head, _ in linked],
            [grad for _, grad in linked],
            retain_graph=False,
            create_graph=create_graph,
            train_mode=mode.training,
        )
        return [found.at(variable._entry) for variable in variables]

    def gradients_through(
        self,
        compute: Callable[..., Sequence[NDArray]],
        inputs: Sequence[NDArray],
        head_grads: Sequence[NDArray],
        *,
        is_train: bool,
    ) -> list[NDArray | None]:
        """The gradients of compute(*inputs), run again, by each input; see `backward.gradients_through`."""
        return gradients_through(compute, inputs, dict(enumerate(head_grads)), is_train) or []


tape = AutogradTape()
install_tape(tape)
