"""Python's operators on Symbols; importing this module installs them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain.symbol.operators import functions
from mxtrain.symbol.symbol_type import Symbol

# Python name: operators for symbol-symbol, symbol-number and number-symbol; their names become the nodes' names
_BINARY = {
    "add": ("_Plus", "_PlusScalar", "_PlusScalar"),
    "sub": ("_Minus", "_MinusScalar", "_RMinusScalar"),
    "mul": ("_Mul", "_MulScalar", "_MulScalar"),
    "truediv": ("_Div", "_DivScalar", "_RDivScalar"),
    "mod": ("_Mod", "_ModScalar", "_RModScalar"),
    "pow": ("_Power", "_PowerScalar", "_rpower_scalar"),
}
_COMPARISONS = {
    "eq": ("_equal", "_equal_scalar"),
    "ne": ("_not_equal", "_not_equal_scalar"),
    "gt": ("_greater", "_greater_scalar"),
    "ge": ("_greater_equal", "_greater_equal_scalar"),
    "lt": ("_lesser", "_lesser_scalar"),
    "le": ("_lesser_equal", "_lesser_equal_scalar"),
}


def _binary(symbol_op: str, scalar_op: str) -> Callable[[Symbol, Any], Any]:
    with_symbol, with_scalar = getattr(functions, symbol_op), getattr(functions, scalar_op)

    def method(self: Symbol, other: Any) -> Any:
        if isinstance(other, Symbol):
            return with_symbol(self, other)
        if isinstance(other, (int, float, np.number)):
            return with_scalar(self, scalar=other)
        return NotImplemented

    return method


def _reflected(scalar_op: str) -> Callable[[Symbol, Any], Any]:
    with_scalar = getattr(functions, scalar_op)

    def method(self: Symbol, other: Any) -> Any:
        return with_scalar(self, scalar=other) if isinstance(other, (int, float, np.number)) else NotImplemented

    return method


def _install() -> None:
    for name, (symbol_op, scalar_op, reflected_op) in _BINARY.items():
        setattr(Symbol, f"__{name}__", _binary(symbol_op, scalar_op))
        setattr(Symbol, f"__r{name}__", _reflected(reflected_op))
    for name, (symbol_op, scalar_op) in _COMPARISONS.items():
        setattr(Symbol, f"__{name}__", _binary(symbol_op, scalar_op))
    setattr(Symbol, "__neg__", lambda self: functions._MulScalar(self, scalar=-1.0))
    Symbol.__abs__ = functions.abs  # type: ignore[attr-defined]


_install()
