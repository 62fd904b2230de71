"""What callbacks are told, and how lists of them are called."""

from collections.abc import Callable
from typing import Any, NamedTuple


class BatchEndParam(NamedTuple):
    """Passed to batch and evaluation callbacks.

    epoch, nbatch: counted from 0. eval_metric: the metric so far, or None. locals: the names that the loop works with,
    among them self (the module), data_batch or eval_batch, train_data or eval_data.
    """

    epoch: int
    nbatch: int
    eval_metric: Any
    locals: dict[str, Any] | None


def as_list(callbacks: Any) -> list[Callable[..., Any]]:
    """The callbacks as a list: of none, one, or several given in a list or tuple."""
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
