"""Functions of Symbols whose other argument may be a number."""

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError, NotImplementedForSymbol
from mxtrain.symbol.operators import functions
from mxtrain.symbol.symbol_type import Symbol


def _apply(
    left: Any, right: Any, symbol_op: str, right_scalar_op: str, left_scalar_op: str, compute: Callable[..., Any]
) -> Any:
    numbers = (int, float, np.number)
    if isinstance(left, Symbol) and isinstance(right, Symbol):
        return getattr(functions, symbol_op)(left, right)
    if isinstance(left, Symbol) and isinstance(right, numbers):
        return getattr(functions, right_scalar_op)(left, scalar=right)
    if isinstance(left, numbers) and isinstance(right, Symbol):
        return getattr(functions, left_scalar_op)(right, scalar=left)
    if isinstance(left, numbers) and isinstance(right, numbers):
        return compute(left, right)
    raise ArgumentTypeError(f"Expected: Symbols or numbers. Received: {type(left).__name__}, {type(right).__name__}.")


def power(base: Any, exp: Any) -> Any:
    """`base` to the power of `exp`; a number where both are."""
    return _apply(base, exp, "_Power", "_PowerScalar", "_RPowerScalar", builtins.pow)


def maximum(left: Any, right: Any) -> Any:
    """The larger one, element by element; a number where both are."""
    return _apply(left, right, "_Maximum", "_MaximumScalar", "_MaximumScalar", builtins.max)


def minimum(left: Any, right: Any) -> Any:
    """The smaller one, element by element; a number where both are."""
    return _apply(left, right, "_Minimum", "_MinimumScalar", "_MinimumScalar", builtins.min)


def hypot(left: Any, right: Any) -> Any:
    """sqrt(left^2 + right^2), element by element; a number where both are."""
    return _apply(left, right, "_hypot", "_HypotScalar", "_HypotScalar", math.hypot)


def histogram(
    a: Symbol, bins: Any = 10, range: tuple[float, float] | None = None, name: str | None = None, **kwargs: Any
) -> Symbol:
    """How many elements fall into each bin, and the bins' edges.

    bins: a number of equal bins over `range`, or a Symbol of rising edges. Outputs: counts, int64; edges.
    """
    if not isinstance(bins, (Symbol, int)):
        raise ArgumentTypeError(f"Expected: a Symbol of edges or a number of bins. Received: {type(bins).__name__}.")
    if isinstance(bins, int) and range is None:
        raise ArgumentError("Expected: the range of the bins, which a Symbol's values cannot tell. Received: none.")
    given = {"bins": bins} if isinstance(bins, Symbol) else {"bin_cnt": bins, "range": range}
    counted: Symbol = functions._histogram(a, **given, name=name, **kwargs)
    return counted


def split_v2(
    ary: Symbol,
    indices_or_sections: int | Sequence[int],
    axis: int = 0,
    squeeze_axis: bool = False,
    name: str | None = None,
) -> Symbol:
    """The array cut along an axis into a number of equal parts, or before each of the given indices.

    squeeze_axis: remove the axis from parts of size 1.
    """
    sections = indices_or_sections if isinstance(indices_or_sections, int) else 0
    indices = [] if isinstance(indices_or_sections, int) else [0, *indices_or_sections]
    return functions._split_v2(ary, indices=indices, axis=axis, squeeze_axis=squeeze_axis, sections=sections, name=name)


def reset_arrays(*data: Symbol, num_arrays: int | None = None, **kwargs: Any) -> Any:
    """Raises NotImplementedForSymbol: only NDArrays can be set to 0, by `mx.nd.reset_arrays`."""
    raise NotImplementedForSymbol(reset_arrays, None, *data)
