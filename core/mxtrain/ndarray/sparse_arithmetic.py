"""Python's operators where a sparse array stands on one side; importing this module installs them.

Beside the methods of dense arrays these choose the operator without touching dense memory. Python asks them first for
`dense + sparse` as well, since sparse arrays are a subclass.
"""

from collections.abc import Callable
from typing import Any

from mxtrain.base import MXNetError
from mxtrain.ndarray import recording
from mxtrain.ndarray.arithmetic import BINARY, COMPARISONS, IN_PLACE
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.invoke import invoke
from mxtrain.ndarray.sparse_array import BaseSparseNDArray
from mxtrain.ops import find
from mxtrain.ops.operator import Operator

# whose same-shape operator keeps arrays sparse; of the others the broadcasting one does, if any
_BY_SHAPE = frozenset(("add", "sub", "mul"))
_Choice = Callable[[NDArray, NDArray], Operator]


def _choice(name: str, broadcasting: str, same_shape: str) -> _Choice:
    """Which operator computes two arrays."""
    general, special = find(broadcasting), find(same_shape)
    if name not in _BY_SHAPE:
        return lambda lhs, rhs: general
    return lambda lhs, rhs: special if lhs.shape == rhs.shape else general


def _method(name: str, choose: _Choice) -> Callable[[Any, Any], Any]:
    """self op other; what is no NDArray is left to the dense array's method."""
    inherited = getattr(NDArray, name)

    def method(self: BaseSparseNDArray, other: Any) -> Any:
        return invoke(choose(self, other), (self, other), {}) if isinstance(other, NDArray) else inherited(self, other)

    return method


def _reflected(name: str, choose: _Choice) -> Callable[[Any, Any], Any]:
    """other op self."""
    inherited = getattr(NDArray, name)

    def method(self: BaseSparseNDArray, other: Any) -> Any:
        return invoke(choose(other, self), (other, self), {}) if isinstance(other, NDArray) else inherited(self, other)

    return method


def _in_place(name: str, choose: _Choice) -> Callable[[Any, Any], Any]:
    """self op= other; the result has the storage of self."""
    inherited = getattr(NDArray, name)

    def method(self: BaseSparseNDArray, other: Any) -> Any:
        if not isinstance(other, NDArray):
            return inherited(self, other)
        if recording.mode.recording and self._entry is not None:
            raise MXNetError(f"Expected: no in-place operator on a recorded array. {recording.IN_PLACE_REFUSED}")
        return invoke(choose(self, other), (self, other), {}, out=self)

    return method


def _install() -> None:
    for name, (broadcasting, same_shape, _, _) in BINARY.items():
        choose = _choice(name, broadcasting, same_shape)
        setattr(BaseSparseNDArray, f"__{name}__", _method(f"__{name}__", choose))
        # dense * sparse is a dense array's product, which broadcasts: dense, as in MXNet
        reflected = _choice("", broadcasting, same_shape) if name == "mul" else choose
        setattr(BaseSparseNDArray, f"__r{name}__", _reflected(f"__r{name}__", reflected))
    for name, (broadcasting, same_shape, _) in COMPARISONS.items():
        setattr(BaseSparseNDArray, f"__{name}__", _method(f"__{name}__", _choice(name, broadcasting, same_shape)))
    for name in IN_PLACE:
        setattr(BaseSparseNDArray, f"__i{name}__", _in_place(f"__i{name}__", _choice(name, *BINARY[name][:2])))


_install()
