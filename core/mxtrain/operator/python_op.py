"""Operators written in Python as one object that lives in the symbol: MXNet's older way, kept for its scripts."""

import itertools
from collections.abc import Sequence
from typing import Any

from mxtrain.ndarray.array_type import NDArray
from mxtrain.operator.custom_op import CustomOp, CustomOpProp, register
from mxtrain.symbol.operators import functions
from mxtrain.symbol.symbol_type import Symbol

_number = itertools.count()


class PythonOp:
    """Base of NumpyOp and NDArrayOp; override `forward`, `backward` and what describes them.

    need_top_grad: whether `backward` uses the gradients by the outputs; False for a loss layer.
    A symbol made from it holds this very object, so that its JSON cannot be loaded in another process.
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        self.need_top_grad_ = need_top_grad

    def __call__(self, *args: Symbol, **kwargs: Any) -> Symbol:
        """The operator applied to symbols."""
        return self.get_symbol(*args, **kwargs)

    def get_symbol(self, *args: Symbol, **kwargs: Any) -> Symbol:
        """The operator applied to symbols, given by position or by the names of `list_arguments`; `name` names it."""
        op_type = f"_python_op{next(_number)}"
        register(op_type)(_describing(self))
        symbol: Symbol = functions.Custom(*args, op_type=op_type, **kwargs)
        return symbol

    def forward(self, in_data: Sequence[Any], out_data: Sequence[Any]) -> None:
        """Write the outputs into out_data; by default the first input."""
        out_data[0][:] = in_data[0]

    def backward(
        self, out_grad: Sequence[Any], in_data: Sequence[Any], out_data: Sequence[Any], in_grad: Sequence[Any]
    ) -> None:
        """Write the gradients into in_grad; by default ones."""
        in_grad[0][:] = 1.0

    def infer_shape(self, in_shape: Sequence[Any]) -> tuple[Any, Any]:
        """(shapes of the arguments, of the outputs); by default all are the first one's."""
        return in_shape, [in_shape[0]]

    def list_outputs(self) -> list[str]:
        """Names of the outputs."""
        return ["output"]

    def list_arguments(self) -> list[str]:
        """Names of the arguments."""
        return ["data"]

    def need_top_grad(self) -> bool:
        """Whether `backward` uses the gradients by the outputs."""
        return self.need_top_grad_


class NumpyOp(PythonOp):
    """An operator on NumPy arrays."""


class NDArrayOp(PythonOp):
    """An operator on NDArrays."""

    def declare_backward_dependency(
        self, out_grad: Sequence[int], in_data: Sequence[int], out_data: Sequence[int]
    ) -> list[int]:
        """Which arrays `backward` uses. Kept for scripts that call it; all are handed over."""
        return [*(out_grad if self.need_top_grad() else ()), *in_data, *out_data]


def _describing(operator: PythonOp) -> type[CustomOpProp]:
    """A CustomOpProp class that stands for one object."""

    class Prop(CustomOpProp):
        def __init__(self) -> None:
            super().__init__(operator.need_top_grad())

        def list_arguments(self) -> list[str]:
            return operator.list_arguments()

        def list_outputs(self) -> list[str]:
            return operator.list_outputs()

        def infer_shape(self, in_shape: list[list[int]]) -> tuple[Any, ...]:
            arguments, outputs = operator.infer_shape(in_shape)
            return arguments, outputs, []

        def create_operator(self, ctx: str, in_shapes: Sequence[Any], in_dtypes: Sequence[Any]) -> CustomOp:
            return _Bridge(operator)

    return Prop


class _Bridge(CustomOp):
    """Runs a PythonOp, on NumPy arrays where it wants them."""

    def __init__(self, operator: PythonOp) -> None:
        self._operator = operator

    def forward(
        self, is_train: bool, req: Sequence[str], in_data: list[NDArray], out_data: list[NDArray], aux: list[NDArray]
    ) -> None:
        results = self._handed(out_data)
        self._operator.forward(in_data=self._handed(in_data), out_data=results)
        self._store(out_data, req, results)

    def backward(
        self,
        req: Sequence[str],
        out_grad: list[NDArray],
        in_data: list[NDArray],
        out_data: list[NDArray],
        in_grad: list[NDArray],
        aux: list[NDArray],
    ) -> None:
        results = self._handed(in_grad)
        self._operator.backward(
            out_grad=self._handed(out_grad),
            in_data=self._handed(in_data),
            out_data=self._handed(out_data),
            in_grad=results,
        )
        self._store(in_grad, req, results)

    def _handed(self, arrays: Sequence[NDArray]) -> list[Any]:
        return [array.asnumpy() if isinstance(self._operator, NumpyOp) else array for array in arrays]

    def _store(self, targets: Sequence[NDArray], req: Sequence[str], results: Sequence[Any]) -> None:
        for target, kind, result in zip(targets, req, results, strict=True):
            if result is not target:
                self.assign(target, kind, result)
