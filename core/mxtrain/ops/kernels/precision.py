"""Arithmetic of 16-bit floating-point numbers: computed in float32, which sums without losing their digits."""

from __future__ import annotations

import functools
import math
import types
from typing import Any

import ml_dtypes
import numpy as np

# from this size on, shifting bits outweighs the calls it takes
_MIN_SHIFTED = 4096
_LARGEST_HALF_EXPONENT = 65536.0


def widen(xp: types.ModuleType, array: Any) -> Any:
    """A float32 copy of a 16-bit floating array; any other array as it is."""
    return converted(xp, array, np.dtype(np.float32)) if _is_small_float(array.dtype) else array


def converted(xp: types.ModuleType, data: Any, dtype: np.dtype, out: Any = None) -> Any:
    """The values of `data` in another element type, as C converts them; written to `out` if given, else a new array."""
    if data.dtype == np.float16 and dtype == np.float32 and xp is np and data.size >= _MIN_SHIFTED:
        return _from_half(data, np.empty(data.shape, np.float32) if out is None else out)
    if out is None:
        return data.astype(dtype)
    out[...] = data
    return out


def _from_half(data: np.ndarray, out: np.ndarray) -> np.ndarray:
    """float16 numbers as float32, by their bits, since NumPy converts one after the other.

    Shifted by 13 bits, sign apart, a float16 number is the float32 number that is 2^112 times smaller.
    """
    bits = out.view(np.int32)
    bits[...] = data.view(np.int16)
    np.left_shift(bits, 13, out=bits)
    np.bitwise_and(bits, -0x70002000, out=bits)  # the sign fills the bits above the exponent
    np.multiply(out, np.float32(2.0**112), out=out)
    if out.max() >= _LARGEST_HALF_EXPONENT or out.min() <= -_LARGEST_HALF_EXPONENT:  # infinities or NaN
        out[...] = data
    return out


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
