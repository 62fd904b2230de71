"""Functions of two operands, either of which may be a number: `mx.nd.add(a, 2)`, `mx.nd.maximum(0, a)`, ..."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.base import ArgumentTypeError
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops import find


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number, np.bool_))


def _make(
    name: str, array_op: str, scalar_op: str, reflected_op: str, numbers: Callable[[Any, Any], Any], meaning: str
) -> Callable[[Any, Any], Any]:
    """The function; `numbers` computes it for two numbers."""
    operators = find(array_op), find(scalar_op), find(reflected_op)

    def function(lhs: Any, rhs: Any) -> Any:
        if isinstance(lhs, NDArray) and isinstance(rhs, NDArray):
            return invoke(operators[0], (lhs, rhs), {})
        if isinstance(lhs, NDArray) and _is_number(rhs):
            return invoke(operators[1], (lhs,), {"scalar": float(rhs)})
        if _is_number(lhs) and isinstance(rhs, NDArray):
            return invoke(operators[2], (rhs,), {"scalar": float(lhs)})
        if _is_number(lhs) and _is_number(rhs):
            return numbers(lhs, rhs)
        raise ArgumentTypeError(
            f"Function {name!r}: expected NDArrays or numbers. Received: {type(lhs).__name__} and {type(rhs).__name__}."
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning}, element by element with broadcasting. lhs, rhs: NDArrays of one dtype, or numbers."
    return function


def _truth(name: str) -> Callable[[Any, Any], Any]:
    compute = getattr(np, name)
    return lambda lhs, rhs: float(compute(lhs, rhs))


add = _make("add", "broadcast_add", "_plus_scalar", "_plus_scalar", lambda a, b: a + b, "lhs + rhs")
subtract = _make("subtract", "broadcast_sub", "_minus_scalar", "_rminus_scalar", lambda a, b: a - b, "lhs - rhs")
multiply = _make("multiply", "broadcast_mul", "_mul_scalar", "_mul_scalar", lambda a, b: a * b, "lhs * rhs")
divide = _make("divide", "broadcast_div", "_div_scalar", "_rdiv_scalar", lambda a, b: a / b, "lhs / rhs")
true_divide = _make("true_divide", "broadcast_div", "_div_scalar", "_rdiv_scalar", lambda a, b: a / b, "lhs / rhs")
modulo = _make(
    "modulo", "broadcast_mod", "_mod_scalar", "_rmod_scalar", lambda a, b: a % b, "The remainder of lhs / rhs"
)
_power = _make(
    "power", "broadcast_power", "_power_scalar", "_rpower_scalar", lambda a, b: a**b, "lhs to the power of rhs"
)
maximum = _make("maximum", "broadcast_maximum", "_maximum_scalar", "_maximum_scalar", max, "The larger one")
minimum = _make("minimum", "broadcast_minimum", "_minimum_scalar", "_minimum_scalar", min, "The smaller one")
equal = _make(
    "equal", "broadcast_equal", "_equal_scalar", "_equal_scalar", _truth("equal"), "1 where lhs == rhs, else 0"
)
not_equal = _make(
    "not_equal",
    "broadcast_not_equal",
    "_not_equal_scalar",
    "_not_equal_scalar",
    _truth("not_equal"),
    "1 where lhs != rhs, else 0",
)
greater = _make(
    "greater", "broadcast_greater", "_greater_scalar", "_lesser_scalar", _truth("greater"), "1 where lhs > rhs, else 0"
)
greater_equal = _make(
    "greater_equal",
    "broadcast_greater_equal",
    "_greater_equal_scalar",
    "_lesser_equal_scalar",
    _truth("greater_equal"),
    "1 where lhs >= rhs, else 0",
)
lesser = _make(
    "lesser", "broadcast_lesser", "_lesser_scalar", "_greater_scalar", _truth("less"), "1 where lhs < rhs, else 0"
)
lesser_equal = _make(
    "lesser_equal",
    "broadcast_lesser_equal",
    "_lesser_equal_scalar",
    "_greater_equal_scalar",
    _truth("less_equal"),
    "1 where lhs <= rhs, else 0",
)
logical_and = _make(
    "logical_and",
    "broadcast_logical_and",
    "_logical_and_scalar",
    "_logical_and_scalar",
    _truth("logical_and"),
    "1 where both are non-zero, else 0",
)
logical_or = _make(
    "logical_or",
    "broadcast_logical_or",
    "_logical_or_scalar",
    "_logical_or_scalar",
    _truth("logical_or"),
    "1 where one is non-zero, else 0",
)
logical_xor = _make(
    "logical_xor",
    "broadcast_logical_xor",
    "_logical_xor_scalar",
    "_logical_xor_scalar",
    _truth("logical_xor"),
    "1 where exactly one is non-zero, else 0",
)


def power(base: Any, exp: Any) -> Any:
    """`base` to the power of `exp`, element by element; each an NDArray or a number, broadcast against each other."""
    return _power(base, exp)
