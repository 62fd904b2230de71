"""Arithmetic of 16-bit floating-point numbers: computed in float32, which sums without losing their digits."""

from __future__ import annotations

import functools
import math
import types
from typing import Any

import ml_dtypes
import numpy as np


def widen(xp: types.ModuleType, array: Any) -> Any:
    """A float32 copy of a 16-bit floating array; any other array as it is."""
    return array.astype(np.float32) if _is_small_float(array.dtype) else array


def is_narrow(xp: types.ModuleType, dtype: np.dtype) -> bool:
    """Whether products of this dtype should be made in float32: 16-bit floats on a CPU, which has no units for them."""
    return xp is np and _is_small_float(dtype)


def _is_small_float(dtype: np.dtype) -> bool:
    return dtype.itemsize == 2 and dtype.kind not in "iu"


def deliver(result: Any, out: Any, dtype: np.dtype) -> Any:
    """`result` as an array of `dtype`: written into `out` where one is given and it is not there already."""
    if out is None or result is out:
        return result.astype(dtype, copy=False)
    out[...] = result
    return out


@functools.cache
def exp_limit(dtype: np.dtype) -> float:
    """The largest whole number whose exponential is finite in this dtype."""
    return float(math.floor(math.log(float(ml_dtypes.finfo(dtype).max))))
