"""Executors: Symbols compiled to flat plans over fixed arrays. Importing this package gives Symbol `bind`."""

from typing import Any

from mxtrain import ndarray
from mxtrain.context import Context, current_context
from mxtrain.executor import body as _body  # tells control flow how bodies are compiled
from mxtrain.executor.binding import bind, simple_bind
from mxtrain.executor.cached_op import CachedOp
from mxtrain.executor.executor_type import Executor
from mxtrain.executor.reshaping import reshape
from mxtrain.symbol.symbol_type import Symbol

__all__ = ["CachedOp", "Executor", "bind", "evaluate", "simple_bind"]


def evaluate(symbol: Symbol, ctx: Context | None = None, **kwargs: Any) -> list[Any]:
    """The outputs of a symbol for given arguments (NDArrays by name)."""
    return bind(symbol, ctx or current_context(), kwargs, grad_req="null").forward()


ndarray.CachedOp = CachedOp  # type: ignore[attr-defined]
Executor.reshape = reshape  # type: ignore[attr-defined]
Symbol.bind = bind  # type: ignore[attr-defined]
Symbol.simple_bind = simple_bind  # type: ignore[attr-defined]
Symbol.eval = evaluate  # type: ignore[attr-defined]
