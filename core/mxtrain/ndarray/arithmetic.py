"""Python's operators on NDArrays: `a + b`, `2 - a`, `a < b`, `a += 1`, ...; importing this module installs them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.base import ArgumentTypeError, MXNetError
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.ndarray.invoke import invoke
from mxtrain.ops import find
from mxtrain.ops.operator import Operator

_NO_PARAMS: dict[str, Any] = {}

# Python name: (operator for arrays, for arrays of one shape, for array-scalar, for scalar-array)
BINARY = {
    "add": ("broadcast_add", "elemwise_add", "_plus_scalar", "_plus_scalar"),
    "sub": ("broadcast_sub", "elemwise_sub", "_minus_scalar", "_rminus_scalar"),
    "mul": ("broadcast_mul", "elemwise_mul", "_mul_scalar", "_mul_scalar"),
    "truediv": ("broadcast_div", "elemwise_div", "_div_scalar", "_rdiv_scalar"),
    "mod": ("broadcast_mod", "_mod", "_mod_scalar", "_rmod_scalar"),
    "pow": ("broadcast_power", "_power", "_power_scalar", "_rpower_scalar"),
}
COMPARISONS = {
    "eq": ("broadcast_equal", "_equal", "_equal_scalar"),
    "ne": ("broadcast_not_equal", "_not_equal", "_not_equal_scalar"),
    "gt": ("broadcast_greater", "_greater", "_greater_scalar"),
    "ge": ("broadcast_greater_equal", "_greater_equal", "_greater_equal_scalar"),
    "lt": ("broadcast_lesser", "_lesser", "_lesser_scalar"),
    "le": ("broadcast_lesser_equal", "_lesser_equal", "_lesser_equal_scalar"),
}
IN_PLACE = {"add": "+=", "sub": "-=", "mul": "*=", "truediv": "/=", "mod": "%="}


def _scalar(value: Any) -> dict[str, Any] | None:
    """The parameters of a scalar operator, or None for something that is no scalar."""
    if isinstance(value, (int, float, np.number, np.bool_)):
        return {"scalar": float(value)}
    return None


def _as_operand(value: Any, like: NDArray) -> NDArray | None:
    """A NumPy array as an operand beside `like`; None for something that is no array."""
    if isinstance(value, np.ndarray):
        return wrap(like._ctx.backend.upload(value.astype(like.dtype)), like._ctx)
    return None


def _binary_method(array_op: Operator, same_shape_op: Operator, scalar_op: Operator) -> Callable[[NDArray, Any], Any]:
    def method(self: NDArray, other: Any) -> Any:
        if isinstance(other, NDArray):
            # the gradient of an operator that does not broadcast is cheaper
            op = same_shape_op if self._data.shape == other._data.shape else array_op
            return invoke(op, (self, other), _NO_PARAMS)
        params = _scalar(other)
        if params is not None:
            return invoke(scalar_op, (self,), params)
        operand = _as_operand(other, self)
        return NotImplemented if operand is None else invoke(array_op, (self, operand), _NO_PARAMS)

    return method


def _reflected_method(array_op: Operator, scalar_op: Operator) -> Callable[[NDArray, Any], Any]:
    def method(self: NDArray, other: Any) -> Any:
        params = _scalar(other)
        if params is not None:
            return invoke(scalar_op, (self,), params)
        operand = _as_operand(other, self)
        return NotImplemented if operand is None else invoke(array_op, (operand, self), _NO_PARAMS)

    return method


def _in_place_method(
    array_op: Operator, same_shape_op: Operator, scalar_op: Operator, symbol: str
) -> Callable[[NDArray, Any], Any]:
    def method(self: NDArray, other: Any) -> Any:
        if recording.mode.recording and self._entry is not None:
            raise MXNetError(
                f"Expected: no in-place operator on a recorded array. Received: `a {symbol} b`. "
                f"{recording.IN_PLACE_REFUSED} Write `a = a ...` instead."
            )
        if type(other) is NDArray:
            return invoke(array_op, (self, other), _NO_PARAMS, out=self)
        operand = other if isinstance(other, NDArray) else _as_operand(other, self)
        if operand is not None:  # a sparse one has kernels where nothing is broadcast
            op = same_shape_op if self.shape == operand.shape else array_op
            return invoke(op, (self, operand), _NO_PARAMS, out=self)
        params = _scalar(other)
        if params is None:
            raise ArgumentTypeError(f"Expected: an NDArray or a number. Received: {type(other).__name__}.")
        return invoke(scalar_op, (self,), params, out=self)

    return method


def _comparison_method(
    name: str, array_op: Operator, same_shape_op: Operator, scalar_op: Operator
) -> Callable[[NDArray, Any], Any]:
    binary = _binary_method(array_op, same_shape_op, scalar_op)

    def method(self: NDArray, other: Any) -> Any:
        if other is None:  # `a == None` asks whether there is an array
            return name == "ne"
        return binary(self, other)

    return method


def _install() -> None:
    for name, operators in BINARY.items():
        array_op, same_shape_op, scalar_op, reflected_op = (find(operator) for operator in operators)
        setattr(NDArray, f"__{name}__", _binary_method(array_op, same_shape_op, scalar_op))
        setattr(NDArray, f"__r{name}__", _reflected_method(array_op, reflected_op))
    for name in IN_PLACE:
        array_op, same_shape_op, scalar_op = (find(operator) for operator in BINARY[name][:3])
        method = _in_place_method(array_op, same_shape_op, scalar_op, IN_PLACE[name])
        setattr(NDArray, f"__i{name}__", method)
    for name, compared in COMPARISONS.items():
        setattr(NDArray, f"__{name}__", _comparison_method(name, *(find(operator) for operator in compared)))
    negative, absolute = find("negative"), find("abs")
    NDArray.__neg__ = lambda self: invoke(negative, (self,), _NO_PARAMS)  # type: ignore[method-assign]
    NDArray.__abs__ = lambda self: invoke(absolute, (self,), _NO_PARAMS)  # type: ignore[attr-defined]


_install()
