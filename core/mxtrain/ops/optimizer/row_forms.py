"""How update operators compute on row_sparse gradients: on the rows that the gradient stores, or on all."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels.optimizer_updates.rows import table_of, update_all_rows, update_stored_rows
from mxtrain.ops.sparse.containers import DENSE, ROW_SPARSE
from mxtrain.ops.storage import Form, form


def row_forms(
    forward: Callable[..., Any],
    num_states: int,
    stypes: Sequence[str] = (DENSE, ROW_SPARSE),
    is_lazy: Callable[[Mapping[str, Any]], bool] = lambda params: True,
) -> list[Form]:
    """The forms of an update operator whose weight and states have one storage type, each of `stypes`.

    forward: the operator's, whose inputs are weight, gradient and states. is_lazy: whether, with these parameters, rows
    that the gradient does not store stay as they are. Any other combination of types is computed densely.
    """

    def compute(xp: Any, weight: Any, grad: Any, *states: Any, out: Any = None, **params: Any) -> Any:
        _require_rows(weight, grad, states)
        target = weight if out is weight else weight.copy()
        step = partial(_step, forward, xp, params)
        update = update_stored_rows if is_lazy(params) else update_all_rows
        update(xp, step, table_of(xp, target), grad, [table_of(xp, state) for state in states])
        return target

    return [form(f"{', '.join([stype, ROW_SPARSE, *[stype] * num_states])} -> {stype}", compute) for stype in stypes]


def lazy_update(params: Mapping[str, Any]) -> bool:
    """The parameter of that name."""
    return bool(params["lazy_update"])


def _step(
    forward: Callable[..., Any], xp: Any, params: Mapping[str, Any], weight: Any, grad: Any, states: Sequence[Any]
) -> None:
    forward(xp, weight, grad, *states, out=weight, **params)


def _require_rows(weight: Any, grad: Any, states: Sequence[Any]) -> None:
    if tuple(grad.shape) != tuple(weight.shape) or any(state.shape[0] != weight.shape[0] for state in states):
        raise ArgumentError(
            f"Expected: gradient and states for a weight of shape {tuple(weight.shape)}. "
            f"Received: {[tuple(array.shape) for array in (grad, *states)]}."
        )
