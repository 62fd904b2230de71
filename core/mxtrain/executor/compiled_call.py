"""A graph compiled for arrays of one kind, run as one call: values go in, new arrays come out, gradients follow."""

from collections.abc import Sequence
from typing import Any

from mxtrain.context import Context
from mxtrain.device.float_errors import ignoring_float_errors
from mxtrain.executor.compilation import Target, compile_graph
from mxtrain.executor.memory import key_of
from mxtrain.executor.plan import StepList
from mxtrain.executor.sparse_values import gradient_storage
from mxtrain.ndarray.array_type import NDArray
from mxtrain.ndarray.creation import empty
from mxtrain.ndarray.sparse_array import value_of, wrap_value
from mxtrain.ndarray.writing import write_array
from mxtrain.ops.sparse.containers import DENSE
from mxtrain.symbol.graph import Entry, Node


class CompiledCall:
    """A plan with buffers of its own.

    variables: the inputs, in order; arrays: examples of them. bound: per input, whether the plan works on that very
    array (parameters, states that it updates), rather than on a copy. wanted: per input, whether its gradient is
    wanted; with any, the values that `backward` needs stay until then. kept: values that `value` tells after a run.
    """

    def __init__(
        self,
        ctx: Context,
        heads: Sequence[Entry],
        variables: Sequence[Node],
        arrays: Sequence[NDArray],
        bound: Sequence[bool],
        wanted: Sequence[bool],
        is_train: bool,
        kept: Sequence[Entry] = (),
    ) -> None:
        self._ctx = ctx
        own = [a if b else empty(a.shape, ctx, a.dtype) for a, b in zip(arrays, bound, strict=True)]
        self._staged = [(i, own[i]) for i, is_bound in enumerate(bound) if not is_bound]
        names = [variable.name for variable in variables]
        asked = [variable for variable, is_wanted in zip(variables, wanted, strict=True) if is_wanted]
        stypes = gradient_storage(heads, asked, dict.fromkeys(names, DENSE))
        self._grads = [
            empty(a.shape, ctx, a.dtype, stypes.get(name)) if w else None
            for name, a, w in zip(names, own, wanted, strict=True)
        ]
        targets = {
            name: Target(grad, "write") for name, grad in zip(names, self._grads, strict=True) if grad is not None
        }
        self._compiled = compile_graph(
            ctx, heads, dict(zip(names, own, strict=True)), targets, {}, kept=kept, is_train=is_train
        )
        plan = self._compiled.plan
        self._forward = plan.training if is_train else plan.inference
        self.can_differentiate = False

    def forward(self, arrays: Sequence[NDArray]) -> list[NDArray]:
        """New arrays with the outputs for given inputs."""
        for index, buffer in self._staged:
            buffer.copy_values_from(arrays[index]._data, arrays[index]._ctx)
        self._run(self._forward)
        self.can_differentiate = bool(self._compiled.plan.backward.steps)
        return [self._copy_of(buffer) for buffer in self._compiled.outputs]

    def backward(self, head_grads: Sequence[NDArray]) -> list[NDArray | None]:
        """The gradient by each input, None where it is not wanted. Once per `forward`: it uses values up."""
        self.can_differentiate = False
        for grad, buffer in zip(head_grads, self._compiled.head_grads, strict=True):
            if buffer is not None:
                write_array(wrap_value(buffer, self._ctx), grad)
        self._run(self._compiled.plan.backward)
        return [None if grad is None else self._copy_of(value_of(grad)) for grad in self._grads]

    def value(self, entry: Entry) -> NDArray:
        """A copy of a kept value of the last `forward`."""
        return self._copy_of(self._compiled.plan.buffers[key_of(entry)])

    def _copy_of(self, value: Any) -> NDArray:
        """A new array with the values of a buffer or container."""
        with self._ctx.backend.active():
            return wrap_value(value.copy(), self._ctx)

    @ignoring_float_errors  # infinities and NaN are results like others
    def _run(self, steps: StepList) -> None:
        with self._ctx.backend.active():
            steps.run(self._compiled.plan)
