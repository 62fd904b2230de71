"""How close two arrays must be, by dtype."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxtrain.dtypes import bfloat16

__all__ = [
    "default_atols",
    "default_numeric_eps",
    "default_rtols",
    "effective_dtype",
    "get_atol",
    "get_etol",
    "get_rtol",
    "get_tolerance",
    "get_tols",
]

Tolerance = float | Mapping[np.dtype, float] | None

_EXACT = {np.dtype(kind): 0 for kind in ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")}


def default_rtols() -> dict[np.dtype, float]:
    """Relative tolerances by dtype."""
    return {**_floating(1e-2, 1e-4, 1e-5), **_EXACT}


def default_atols() -> dict[np.dtype, float]:
    """Absolute tolerances by dtype."""
    return {**_floating(1e-1, 1e-3, 1e-20), **_EXACT}


def default_numeric_eps() -> dict[np.dtype, float]:
    """Steps of finite differences by dtype: powers of two, so that x + eps - x is exact."""
    return _floating(1 / 2**6, 1 / 2**9, 1 / 2**14)


def _floating(half: float, single: float, double: float) -> dict[np.dtype, float]:
    """A table for 16-bit, 32-bit and 64-bit floating dtypes."""
    table = {"float16": half, "float32": single, "float64": double}
    return {**{np.dtype(kind): value for kind, value in table.items()}, np.dtype(bfloat16): 2 * half}


def effective_dtype(dat: Any) -> np.dtype:
    """The dtype whose precision an array's values have: its own. Things without a dtype count as float64."""
    dtype = getattr(dat, "dtype", None)
    return np.dtype(np.float64) if dtype is None else np.dtype(dtype)


def get_tolerance(dat: Any, tol: Tolerance, default_tol: Mapping[np.dtype, float]) -> float:
    """The tolerance for an array: `tol` where it is a number, else looked up by dtype in `tol` or in the defaults."""
    if isinstance(tol, (int, float, np.number)):
        return float(tol)
    table = {np.dtype(kind): value for kind, value in (default_tol if tol is None else tol).items()}
    return table.get(effective_dtype(dat), 0)


def get_tols(x: Any, y: Any, rtol: Tolerance, atol: Tolerance) -> tuple[float, float]:
    """(relative, absolute) tolerance for comparing two arrays: that of the less precise one."""
    return (
        max(get_tolerance(x, rtol, default_rtols()), get_tolerance(y, rtol, default_rtols())),
        max(get_tolerance(x, atol, default_atols()), get_tolerance(y, atol, default_atols())),
    )


def get_rtol(rtol: float | None = None, dtype: Any = np.dtype(np.float64)) -> float:
    """The given relative tolerance, else the dtype's."""
    return default_rtols()[np.dtype(dtype)] if rtol is None else rtol


def get_atol(atol: float | None = None, dtype: Any = np.dtype(np.float64)) -> float:
    """The given absolute tolerance, else the dtype's."""
    return default_atols()[np.dtype(dtype)] if atol is None else atol


def get_etol(etol: float | None = None) -> float:
    """The given share of elements that may differ, else none."""
    return 0 if etol is None else etol
