"""`mx.contrib.autograd`: the first interface of autograd, which old scripts use; new ones use `mx.autograd`."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from mxtrain import autograd
from mxtrain.autograd import mark_variables
from mxtrain.base import ArgumentError, ArgumentTypeError, _as_list
from mxtrain.ndarray import NDArray, zeros

__all__ = [
    "TrainingStateScope",
    "backward",
    "compute_gradient",
    "grad",
    "grad_and_loss",
    "mark_variables",
    "set_is_training",
    "test_section",
    "train_section",
]


def set_is_training(is_train: bool) -> bool:
    """Switch training mode and recording on or off in this thread; returns what training mode was."""
    autograd.set_recording(is_train)
    return autograd.set_training(is_train)


class TrainingStateScope:
    """A `with` block in training mode, recorded (enter_state=True), or in prediction mode, not recorded."""

    def __init__(self, enter_state: bool) -> None:
        self._scope = autograd.record() if enter_state else autograd.pause()

    def __enter__(self) -> None:
        self._scope.__enter__()

    def __exit__(self, *exc_info: Any) -> None:
        self._scope.__exit__(*exc_info)


def train_section() -> TrainingStateScope:
    """A `with` block whose operator calls are recorded, in training mode."""
    return TrainingStateScope(True)


def test_section() -> TrainingStateScope:
    """A `with` block, inside a recorded one, whose calls are not recorded, in prediction mode."""
    return TrainingStateScope(False)


test_section.__test__ = False  # type: ignore[attr-defined]  # no test case, though pytest would take it for one


def backward(outputs: Any, out_grads: Any = None, retain_graph: bool = False) -> None:
    """Fill the gradient arrays of all variables that the outputs depend on; see `mx.autograd.backward`."""
    autograd.backward(outputs, out_grads, retain_graph=retain_graph)


def compute_gradient(outputs: Any) -> None:
    """Old name of `backward`."""
    backward(outputs)


def grad_and_loss(
    func: Callable[..., Any], argnum: int | Sequence[int] | None = None
) -> Callable[..., tuple[list[NDArray], Any]]:
    """A function that gives the gradients of func's outputs by its arguments, and the outputs.

    argnum: which arguments are differentiated by (all by default): NDArrays all of them.
    """

    @functools.wraps(func)
    def wrapped(*args: Any) -> tuple[list[NDArray], Any]:
        variables = _chosen(args, argnum)
        grads = [zeros(x.shape, x.context, x.dtype) for x in variables]
        mark_variables(variables, grads)
        with train_section():
            outputs = func(*args)
        backward(_as_list(outputs))
        return grads, outputs

    return wrapped


def grad(func: Callable[..., Any], argnum: int | Sequence[int] | None = None) -> Callable[..., list[NDArray]]:
    """A function that gives the gradients of func's outputs by its arguments; see `grad_and_loss`."""
    both = grad_and_loss(func, argnum)

    @functools.wraps(both)
    def wrapped(*args: Any) -> list[NDArray]:
        return both(*args)[0]

    return wrapped


def _chosen(args: Sequence[Any], argnum: int | Sequence[int] | None) -> list[NDArray]:
    """The arguments to differentiate by. Raises ArgumentError or ArgumentTypeError for ones that are no NDArrays."""
    positions = range(len(args)) if argnum is None else _as_list(argnum)
    if any(not 0 <= position < len(args) for position in positions):
        raise ArgumentError(f"argnum: expected positions below {len(args)}. Received: {argnum}.")
    chosen = [args[position] for position in positions]
    for position, value in zip(positions, chosen, strict=True):
        if not isinstance(value, NDArray):
            raise ArgumentTypeError(f"Argument {position}: expected an NDArray. Received: {type(value).__name__}.")
    return chosen
