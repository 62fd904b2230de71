"""`mx.autograd`: gradients of recorded imperative code."""

from collections.abc import Sequence
from typing import Any

from mxtrain.autograd.backward import Gradients, differentiate
from mxtrain.autograd.function import Function
from mxtrain.autograd.graph import Output
from mxtrain.autograd.history import get_symbol
from mxtrain.autograd.scopes import (
    is_recording,
    is_training,
    pause,
    predict_mode,
    record,
    set_recording,
    set_training,
    train_mode,
)
from mxtrain.autograd.tape import tape
from mxtrain.base import ArgumentError, MXNetError, _as_list
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import zeros
from mxtrain.ops.registry import find

__all__ = [
    "Function",
    "NDArray",
    "backward",
    "get_symbol",
    "grad",
    "is_recording",
    "is_training",
    "mark_variables",
    "pause",
    "predict_mode",
    "record",
    "set_recording",
    "set_training",
    "train_mode",
]


def mark_variables(variables: Any, gradients: Any, grad_reqs: str | Sequence[str] = "write") -> None:
    """Make arrays variables whose gradients go to given arrays. grad_reqs: one for all, or one each."""
    variables, gradients = _as_list(variables), _as_list(gradients)
    reqs = [grad_reqs] * len(variables) if isinstance(grad_reqs, str) else list(grad_reqs)
    if not len(variables) == len(gradients) == len(reqs):
        raise ArgumentError(
            f"Expected: one gradient and grad_req for each of {len(variables)} variables. "
            f"Received: {len(gradients)} gradients, {len(reqs)} grad_reqs."
        )
    for variable, gradient, req in zip(variables, gradients, reqs, strict=True):
        tape.mark(variable, gradient, req)


def backward(heads: Any, head_grads: Any = None, retain_graph: bool = False, train_mode: bool = True) -> None:
    """Fill the gradient arrays of all variables that the heads (one NDArray or a list) depend on.

    head_grads: gradients by the heads, ones by default. Raises MXNetError for a head that was not recorded.
    """
    heads = _as_list(heads)
    head_grads = [None] * len(heads) if head_grads is None else _as_list(head_grads)
    if len(heads) != len(head_grads):
        raise ArgumentError(f"Expected: {len(heads)} head gradients, one per head. Received: {len(head_grads)}.")
    tape.backward(heads, head_grads, retain_graph=retain_graph, train_mode=train_mode)


def grad(
    heads: Any,
    variables: Any,
    head_grads: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    train_mode: bool = True,
) -> list[NDArray]:
    """The gradients of the heads by the variables, as a list of new NDArrays, also for a single variable.

    variables: arrays with attach_grad(), or recorded ones. create_graph: record the differentiation itself, for
    higher-order gradients (zeros where one is constant). The variables' own gradient arrays stay as they are.
    Raises MXNetError for a variable that was not recorded, or that no head depends on.
    """
    listed = _as_list(variables)
    if not listed:
        raise ArgumentError("Expected: at least one variable. Received: none.")
    for position, variable in enumerate(listed):
        if variable._entry is None:
            raise MXNetError(
                f"variables[{position}]: expected an array with attach_grad(), or a recorded one. Received: another."
            )
    heads = _as_list(heads)
    head_grads = [None] * len(heads) if head_grads is None else _as_list(head_grads)
    keep = create_graph if retain_graph is None else retain_graph
    wanted = [variable._entry for variable in listed if isinstance(variable._entry, Output)]
    found = differentiate(heads, head_grads, keep, create_graph, train_mode, wanted)
    grads = [_gradient_by(position, variable, found) for position, variable in enumerate(listed)]
    return [_linked(grad, variable) for grad, variable in zip(grads, listed, strict=True)] if create_graph else grads


def _linked(grad: NDArray, variable: NDArray) -> NDArray:
    """A gradient that does not depend on its variable, as that of a linear function, as one whose gradient is zero."""
    if grad._entry is not None:
        return grad
    linked = grad.detach()
    tape.record(find("_identity_with_attr_like_rhs"), {}, (grad, variable), (linked,), is_training())
    return linked


def _gradient_by(position: int, variable: NDArray, found: Gradients) -> NDArray:
    entry = variable._entry
    known: Any = found.of_outputs if isinstance(entry, Output) else found.of_variables
    key = (entry.call, entry.index) if isinstance(entry, Output) else entry
    if key not in known:
        raise MXNetError(
            f"variables[{position}]: expected one that the heads depend on. Received: one that is unreachable."
        )
    grad: NDArray | None = known[key]
    return zeros(variable.shape, variable.context, variable.dtype) if grad is None else grad
