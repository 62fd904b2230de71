"""Python's operators where a sparse array stands on one side; importing this module installs them.

Beside the methods of dense arrays these choose the operator without touching dense memory. Python asks them first for
`dense + sparse` as well, since sparse arrays are a subclass.
"""

from collections.abc import Callable
from typing import Any

from mxtrain.ndarray.arithmetic import BINARY, COMPARISONS
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.invoke import invoke
from mxtrain.ndarray.sparse_array import BaseSparseNDArray
from mxtrain.ops import find
from mxtrain.ops.operator import Operator


def _method(name: str, broadcasting: Operator, same_shape: Operator) -> Callable[[Any, Any], Any]:
    """self op other; what is no NDArray is left to the dense array's method."""
    inherited = getattr(NDArray, name)

    def method(self: BaseSparseNDArray, other: Any) -> Any:
        if not isinstance(other, NDArray):
            return inherited(self, other)
        return invoke(same_shape if self.shape == other.shape else broadcasting, (self, other), {})

    return method


def _reflected(name: str, broadcasting: Operator, same_shape: Operator) -> Callable[[Any, Any], Any]:
    """other op self."""
    inherited = getattr(NDArray, name)

    def method(self: BaseSparseNDArray, other: Any) -> Any:
        if not isinstance(other, NDArray):
            return inherited(self, other)
        return invoke(same_shape if self.shape == other.shape else broadcasting, (other, self), {})

    return method


def _install() -> None:
    for name, (broadcasting, same_shape, _, _) in BINARY.items():
        pair = find(broadcasting), find(same_shape)
        setattr(BaseSparseNDArray, f"__{name}__", _method(f"__{name}__", *pair))
        setattr(BaseSparseNDArray, f"__r{name}__", _reflected(f"__r{name}__", *pair))
    for name, (broadcasting, same_shape, _) in COMPARISONS.items():
        setattr(BaseSparseNDArray, f"__{name}__", _method(f"__{name}__", find(broadcasting), find(same_shape)))


_install()
