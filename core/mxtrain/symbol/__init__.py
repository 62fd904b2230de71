"""`mx.sym`: computations described as graphs of operators."""

from typing import Any

from mxtrain.ops.namespaces import populate as _populate
from mxtrain.symbol import arithmetic, methods  # installs Symbol's operators and methods
from mxtrain.symbol.creation import group, variable
from mxtrain.symbol.operators import functions as _functions
from mxtrain.symbol.symbol_type import Symbol, load, load_json

Variable = var = variable
Group = group
fromjson = load_json

_populate(__name__, _functions)


def zeros(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A symbol of zeros; float32 by default. shape: sizes, 0 for those that inference fills in."""
    return _functions._zeros(shape=shape, dtype=dtype or "float32", **kwargs)  # type: ignore[no-any-return]


def ones(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A symbol of ones; float32 by default."""
    return _functions._ones(shape=shape, dtype=dtype or "float32", **kwargs)  # type: ignore[no-any-return]


def full(shape: Any, val: float, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A symbol filled with `val`; float32 by default."""
    return _functions._full(shape=shape, value=val, dtype=dtype or "float32", **kwargs)  # type: ignore[no-any-return]


def arange(start: float, stop: float | None = None, step: float = 1.0, repeat: int = 1, **kwargs: Any) -> Symbol:
    """Numbers from start (inclusive) to stop (exclusive), each `repeat` times; float32 by default."""
    kwargs.setdefault("dtype", "float32")
    return _functions._arange(  # type: ignore[no-any-return]
        start=0.0 if stop is None else start, stop=start if stop is None else stop, step=step, repeat=repeat, **kwargs
    )


__all__ = ["Group", "Symbol", "Variable", "arange", "full", "group", "load", "load_json", "ones", "var", "zeros"]
