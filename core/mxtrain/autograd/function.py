"""`Function`: a differentiable function written by the user as a forward and a backward method."""

from typing import Any

from mxtrain.autograd.scopes import pause
from mxtrain.autograd.tape import tape
from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.recording import mode


class Function:
    """Base of user-defined differentiable functions.

    Override `forward(*inputs)` and `backward(*output_grads)`, both on NDArrays; call the instance to use it, once per
    instance. `save_for_backward` keeps arrays in `saved_tensors`.
    """

    def __init__(self) -> None:
        self._used = False
        self.saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *args: Any) -> None:
        """Keep arrays for `backward`, as `self.saved_tensors`."""
        self.saved_tensors = args

    def __call__(self, *inputs: NDArray) -> Any:
        """Compute the outputs, and record the call where calls are recorded."""
        if self._used:
            raise MXNetError("Expected: one call per Function instance. Received: a second call. Make a new instance.")
        self._used = True
        with pause():
            outputs = self.forward(*inputs)
        listed = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        _require_arrays(type(self).__name__, "forward", listed)
        if mode.recording:
            listed = [output.detach() for output in listed]
            tape.record(_UserGradient(self), {}, inputs, listed, mode.training)
        return listed if isinstance(outputs, (list, tuple)) else listed[0]

    def forward(self, *inputs: NDArray) -> Any:
        """The outputs for the inputs: an NDArray or a list of them."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(*inputs)")

    def backward(self, *output_grads: NDArray) -> Any:
        """The gradient by each input, from the gradients by the outputs."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(*output_grads)")


class _UserGradient:
    """A Function in the place of an operator on the tape."""

    single_output = False
    choose_inputs = None
    composition = None
    gradient_runtime: frozenset[str] = frozenset()

    def __init__(self, function: Function) -> None:
        self.function = function
        self.name = type(function).__name__

    def __repr__(self) -> str:
        return f"<Function {self.name}>"

    def arrange(self, arrays: Any, params: Any) -> Any:
        return arrays

    def call_params(self, params: Any) -> dict[str, Any]:
        return {}

    def gradient(self, F: Any, gy: Any, y: Any, *inputs: NDArray) -> Any:
        """What the user's backward returns, checked against the inputs."""
        with pause():
            grads = self.function.backward(*gy)
        grads = list(grads) if isinstance(grads, (list, tuple)) else [grads]
        if len(grads) != len(inputs):
            raise ArgumentError(
                f"Function {self.name!r}: expected backward to return {len(inputs)} gradient(s), one per input. "
                f"Received: {len(grads)}."
            )
        _require_arrays(self.name, "backward", [grad for grad in grads if grad is not None])
        for position, (grad, array) in enumerate(zip(grads, inputs, strict=True)):
            if grad is not None and grad.shape != array.shape:
                raise ArgumentError(
                    f"Function {self.name!r}: expected backward to return a gradient of shape {array.shape} for input "
                    f"{position}. Received: {grad.shape}."
                )
        return grads


def _require_arrays(name: str, method: str, values: list[Any]) -> None:
    for value in values:
        if not isinstance(value, NDArray):
            raise ArgumentTypeError(
                f"Function {name!r}: expected NDArrays from {method}. Received: {type(value).__name__}."
            )
