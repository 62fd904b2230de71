"""`mx.autograd`: gradients of recorded imperative code."""

from collections.abc import Sequence
from typing import Any

from mxtrain.autograd.function import Function
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
from mxtrain.autograd.tape import Variable, differentiate, tape
from mxtrain.base import ArgumentError, MXNetError
from mxtrain.ndarray.array_type import NDArray

__all__ = [
    "Function",
    "backward",
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


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


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
) -> Any:
    """The gradients of the heads by the variables, as new NDArrays (one, or a list as `variables` is one).

    create_graph: record the differentiation itself, for higher-order gradients. The variables' own gradient arrays stay
    as they are.
    """
    listed = _as_list(variables)
    if not listed:
        raise ArgumentError("Expected: at least one variable. Received: none.")
    entries = [variable._entry for variable in listed]
    if not all(isinstance(entry, Variable) for entry in entries):
        raise MXNetError("Expected: variables made by attach_grad() or mark_variables(). Received: another array.")
    heads = _as_list(heads)
    head_grads = [None] * len(heads) if head_grads is None else _as_list(head_grads)
    keep = create_graph if retain_graph is None else retain_graph
    found = differentiate(heads, head_grads, keep, create_graph, train_mode)
    missing = [i for i, entry in enumerate(entries) if entry not in found]
    if missing:
        raise MXNetError(f"Expected: variables that the heads depend on. Received: variable(s) {missing}, unreachable.")
    grads: list[NDArray] = [found[entry] for entry in entries]
    return grads if isinstance(variables, (list, tuple)) else grads[0]


