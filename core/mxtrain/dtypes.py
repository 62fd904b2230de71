"""Element types: MXNet's names and numbers for them, and their NumPy counterparts."""

from typing import Any

import ml_dtypes
import numpy as np

from mxtrain.base import ArgumentTypeError

bfloat16 = ml_dtypes.bfloat16

# the numbers stand in .params files and in JSON
TYPE_FLAGS: dict[int, Any] = {
    0: np.float32,
    1: np.float64,
    2: np.float16,
    3: np.uint8,
    4: np.int32,
    5: np.int8,
    6: np.int64,
    7: np.bool_,
    12: bfloat16,
}
_NAMES: dict[str, Any] = {np.dtype(kind).name: kind for kind in TYPE_FLAGS.values()}
_FLAG_OF = {np.dtype(kind): flag for flag, kind in TYPE_FLAGS.items()}
FLOATING: frozenset[np.dtype] = frozenset(np.dtype(kind) for kind in (np.float16, np.float32, np.float64, bfloat16))


def as_dtype(value: Any) -> np.dtype:
    """The NumPy dtype for a name, type, dtype or MXNet type flag. Raises ArgumentTypeError for one MXNet lacks."""
    if value is None:
        return np.dtype(np.float32)
    if isinstance(value, int) and not isinstance(value, bool):
        value = TYPE_FLAGS.get(value, value)
    try:
        dtype = np.dtype(_NAMES.get(value, value) if isinstance(value, str) else value)
    except (TypeError, ValueError, SyntaxError) as error:  # NumPy parses strings such as "i4,"
        raise ArgumentTypeError(f"Expected: a dtype of {sorted(_NAMES)}. Received: {value!r}.") from error
    if dtype not in _FLAG_OF:
        raise ArgumentTypeError(f"Expected: a dtype of {sorted(_NAMES)}. Received: {dtype.name!r}.")
    return dtype


def type_flag(dtype: Any) -> int:
    """MXNet's number for a dtype. Raises ArgumentTypeError for one it lacks."""
    return _FLAG_OF[as_dtype(dtype)]


def dtype_name(dtype: Any) -> str:
    """MXNet's name for a dtype, such as "float32"."""
    return as_dtype(dtype).name


def is_floating(dtype: Any) -> bool:
    """Whether a dtype is a floating-point one, bfloat16 among them."""
    return np.dtype(dtype) in FLOATING
