"""What integers stand for: n of int8 is n * reach / 127, of uint8 n * reach / 255, of int32 n * reach / (2^31 - 1).

The reach is the larger absolute value of a range's ends, which travel as two float32 arrays of one number each.
"""

from typing import Any

import numpy as np

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.ops import shapes

FLOAT = np.dtype(np.float32)
INT8, UINT8, INT32 = np.dtype(np.int8), np.dtype(np.uint8), np.dtype(np.int32)
LAST_INT32 = 2**31 - 1


def reach(xp: Any, low: Any, high: Any) -> Any:
    """The larger absolute value of a range's ends, (1,). Raises ArgumentError for ends of another shape."""
    if low.shape != (1,) or high.shape != (1,):
        raise ArgumentError(f"Expected: ends of a range of shape (1,). Received: {low.shape} and {high.shape}.")
    return xp.maximum(abs(low), abs(high))


def num_steps(dtype: Any) -> int:
    """How many steps of an 8-bit type reach to the end of its range; all but uint8 count as int8."""
    return 255 if dtype == UINT8 else 127


def unit(xp: Any, data: Any, low: Any, high: Any) -> Any:
    """What one step of 8-bit data stands for, (1,)."""
    require_integers(data)
    return reach(xp, low, high) / num_steps(data.dtype)


def require_integers(data: Any) -> None:
    """Raise ArgumentTypeError for data that is not quantized."""
    if data.dtype.kind not in "iu":
        raise ArgumentTypeError(f"Expected: quantized data, of int8 or uint8. Received: {data.dtype.name}.")


def as_integers(xp: Any, values: Any, dtype: Any) -> Any:
    """Real numbers of steps as the nearest integers of a type, within -127..127, 0..255 or the range of int32."""
    low, high = {INT8: (-127, 127), UINT8: (0, 255)}.get(np.dtype(dtype), (-LAST_INT32, LAST_INT32))
    return xp.clip(xp.nan_to_num(xp.rint(values)), low, high).astype(dtype)


def around_zero(xp: Any, end: Any) -> tuple[Any, Any]:
    """The range from -end to end, as two float32 arrays of shape (1,)."""
    end = xp.asarray(end, np.float32).reshape(1)
    return -end, end


def infer_numbers(known: Any) -> list[Any]:
    """Shapes of a range's ends."""
    return [shapes.unify(shape, (1,)) for shape in known]


def typed(dtype: Any, num_outputs: int = 3) -> Any:
    """The rule of operators whose first output has a dtype (or a function of p), and whose others are float32."""

    def rule(ins, outs, p):
        first = dtype(p) if callable(dtype) else np.dtype(dtype)
        return ins, [first, *[FLOAT] * (num_outputs - 1)]

    return rule
