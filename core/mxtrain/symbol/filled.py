"""Symbols without inputs: zeros, ones, numbers in a row, ..."""

from typing import Any

from mxtrain.symbol.operators import functions
from mxtrain.symbol.symbol_type import Symbol


def _sizes(shape: Any) -> Any:
    """A shape in which unknown sizes, which may also be given as -1, are 0."""
    return shape if isinstance(shape, int) else type(shape)(max(size, 0) for size in shape)


def zeros(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A symbol of zeros; float32 by default. shape: sizes, 0 or -1 for those that inference fills in."""
    return functions._zeros(shape=_sizes(shape), dtype=dtype or "float32", **kwargs)


def ones(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A symbol of ones; float32 by default. shape: sizes, 0 or -1 for those that inference fills in."""
    return functions._ones(shape=_sizes(shape), dtype=dtype or "float32", **kwargs)


def full(shape: Any, val: float, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A symbol filled with `val`; float32 by default."""
    return functions._full(shape=_sizes(shape), value=float(val), dtype=dtype or "float32", **kwargs)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: bool = False,
    name: str | None = None,
    dtype: Any = None,
) -> Symbol:
    """Numbers from start (inclusive) to stop (exclusive), each `repeat` times; float32 by default.

    Without stop the numbers run from 0 to start. infer_range: the length follows from what the symbol is used with.
    """
    return functions._arange(
        start=start,
        stop=stop,
        step=step,
        repeat=repeat,
        infer_range=infer_range,
        name=name,
        dtype=dtype or "float32",
    )


def linspace(
    start: float, stop: float, num: int, endpoint: bool = True, name: str | None = None, dtype: Any = None
) -> Symbol:
    """`num` evenly spaced numbers from start to stop (inclusive where endpoint); float32 by default."""
    return functions._linspace(start=start, stop=stop, num=num, endpoint=endpoint, name=name, dtype=dtype or "float32")


def eye(N: int, M: int = 0, k: int = 0, dtype: Any = None, **kwargs: Any) -> Symbol:
    """An (N, M) matrix with ones on the k-th diagonal; M = N by default; float32 by default."""
    return functions._eye(N=N, M=M, k=k, dtype=dtype or "float32", **kwargs)
