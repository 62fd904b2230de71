"""What a thread is doing with operators: whether calls are recorded for differentiation, and in training mode."""

import threading
from typing import Any, Protocol

# what MXNet says, and scripts look for
IN_PLACE_REFUSED = "Inplace operations (+=, -=, x[:]=, etc) are not supported when recording with autograd."


class Tape(Protocol):
    """What records operator calls and differentiates them; `mxtrain.autograd` puts its own in place."""

    def record(self, op: Any, params: dict[str, Any], inputs: Any, outputs: Any, is_train: bool, state: Any) -> None:
        """Note a call: inputs are NDArrays, outputs all of its output NDArrays, hidden ones among them."""

    def backward(self, heads: Any, head_grads: Any, *, retain_graph: bool, train_mode: bool) -> None:
        """Fill the gradient arrays of everything that heads depend on."""

    def gradients(self, heads: Any, head_grads: Any, variables: Any, *, create_graph: bool) -> list[Any]:
        """The gradient of the heads by each variable, None for zeros; their gradient arrays stay as they are."""

    def gradients_through(self, compute: Any, inputs: Any, head_grads: Any, *, is_train: bool) -> list[Any]:
        """The gradients of compute(*inputs), run again, by each input; recorded where this thread records."""

    def attach(self, array: Any, grad_req: str, stype: str | None) -> None:
        """Make an array a variable whose gradient is wanted."""

    def grad_of(self, array: Any) -> Any:
        """The gradient array of a variable, or None."""


class _Mode(threading.local):
    recording = False
    training = False


mode = _Mode()
tape: Tape  # set by mxtrain.autograd, which this layer may not import


def install_tape(new_tape: Tape) -> None:
    """Put the process's tape in place."""
    global tape
    tape = new_tape
