"""The recorded graph: variables, calls of operators, and the places of arrays in between."""

from collections.abc import Sequence
from typing import Any

from mxtrain.base import MXNetError
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.sparse_array import BaseSparseNDArray, NotDenseError, value_of, wrap_value
from mxtrain.ops.kernels.sparse.writing import accumulate, clear, overwrite_with_copy


class Variable:
    """What makes an NDArray a leaf of the graph: where its gradient goes, and how ("write", "add" or "null")."""

    __slots__ = ("fresh", "grad", "grad_req")

    def __init__(self, grad: NDArray | None, grad_req: str) -> None:
        self.grad = grad
        self.grad_req = grad_req
        self.fresh = False

    def receive(self, grad: NDArray | None) -> None:
        """Take the gradient of one backward pass; None stands for zeros."""
        target = self.grad
        if target is not None:
            if isinstance(target, BaseSparseNDArray) or isinstance(grad, BaseSparseNDArray):
                _receive_sparse(target, grad, self.grad_req == "add")
            elif self.grad_req == "write":
                target.copy_values_from(0 if grad is None else grad._data, target._ctx if grad is None else grad._ctx)
            elif grad is not None:
                with target._ctx.backend.active():
                    target._data += grad._data
        self.fresh = True


def _receive_sparse(target: NDArray, grad: NDArray | None, adds: bool) -> None:
    """Write or add a gradient, where it or its target is sparse."""
    ctx = target._ctx
    with ctx.backend.active():
        if grad is not None:
            value = value_of(grad.as_in_context(ctx))
            (accumulate if adds else overwrite_with_copy)(ctx.xp, value_of(target), value)
        elif not adds:
            clear(ctx.xp, value_of(target))


class Call:
    """One recorded call of an operator.

    Outputs are kept as backend arrays or containers, not as NDArrays, which point back here: reference cycles would
    delay the release of memory until the garbage collector runs.
    """

    __slots__ = ("ctx", "entries", "inputs", "is_train", "op", "order", "outputs", "params", "state")

    def __init__(
        self,
        op: Any,
        params: dict[str, Any],
        inputs: Sequence[NDArray],
        outputs: Sequence[NDArray],
        is_train: bool,
        state: Any,
        order: int,
    ) -> None:
        self.op = op
        self.params = params
        self.inputs: tuple[NDArray, ...] | None = tuple(inputs)
        self.entries: tuple[Any, ...] = tuple([array._entry for array in inputs])
        self.outputs: tuple[Any, ...] | None
        try:
            self.outputs = tuple([array._data for array in outputs])
        except NotDenseError:
            self.outputs = tuple([value_of(array) for array in outputs])
        self.ctx = outputs[0]._ctx
        self.is_train = is_train
        self.state = state
        self.order = order

    def require_values(self) -> tuple[tuple[NDArray, ...], tuple[Any, ...]]:
        """Inputs and outputs. Raises MXNetError where an earlier backward has released them."""
        if self.inputs is None or self.outputs is None:
            raise MXNetError(
                f"Expected: a recorded graph that still exists. Received: backward through {self.op!r} a second time. "
                "Keep it with backward(retain_graph=True)."
            )
        return self.inputs, self.outputs

    def output(self, index: int, data: Any, on_graph: bool) -> NDArray:
        """An output, whose backend array or container is `data`, as an NDArray; on_graph: at its place of the graph."""
        array = wrap_value(data, self.ctx)
        if on_graph:
            array._entry = Output(self, index)
        return array

    def release(self) -> None:
        """Forget the values, which only another backward would need, and what they were computed from."""
        self.inputs = None
        self.outputs = None
        self.entries = ()
        self.state = None


class Output:
    """The place of an NDArray in the graph: output `index` of `call`."""

    __slots__ = ("call", "fresh", "index")

    def __init__(self, call: Call, index: int) -> None:
        self.call = call
        self.index = index
