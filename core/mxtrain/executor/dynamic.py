"""Executors of graphs whose shapes follow from values: they run operator by operator."""

from collections.abc import Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.context import Context
from mxtrain.executor.executor_type import Executor
from mxtrain.executor.imperative_run import run_imperatively
from mxtrain.ndarray import recording
from mxtrain.ndarray.array_type import NDArray, wrap
from mxtrain.symbol.debug import describe
from mxtrain.symbol.graph import topological


class DynamicExecutor(Executor):
    """An Executor without a plan. Its outputs are new arrays after every `forward`."""

    def _compile(self, spare: Mapping[Context, Any]) -> None:
        self._variables = [node for node in topological(self._heads) if node.is_variable]
        self._results: list[NDArray] = []
        self._leaves: dict[str, NDArray] = {}
        self._is_train = False
        self.outputs = []

    def forward(self, is_train: bool = False, **kwargs: Any) -> list[NDArray]:
        """Compute the outputs; returns them. kwargs: arguments to copy in first, by name (NDArray or NumPy array)."""
        for name, value in kwargs.items():
            self._copy_in(name, value)
        arrays = {**self.arg_dict, **self.aux_dict}
        self._leaves = {name: _leaf(arrays[name]) for name in self._targets()}
        by_node = {id(node): self._leaves.get(node.name, arrays[node.name]) for node in self._variables}
        self._has_run, self._is_train = True, is_train
        mode = recording.mode
        saved = mode.recording, mode.training
        mode.recording, mode.training = bool(self._leaves), is_train
        try:
            self._results = run_imperatively(self._heads, by_node, watch=self._watch(), watch_inputs=self._monitor_all)
        finally:
            mode.recording, mode.training = saved
        self.outputs = [result.detach() for result in self._results]
        return self.outputs

    def _watch(self) -> Any:
        callback = self._monitor
        return None if callback is None else lambda name, operator, array: callback(name, array.detach())

    def backward(self, out_grads: Any = None, is_train: bool = True) -> None:
        """Compute the gradients of the last `forward`; without one it runs now. out_grads: ones where missing."""
        if not self._has_run:
            self.forward(is_train=True)
        given = self._listed(out_grads)
        head_grads = [*given, *([None] * (len(self.outputs) - len(given)))]
        self._check(head_grads)
        if not self._results:
            raise ArgumentError("Expected: a forward before each backward. Received: a second backward.")
        mode = recording.mode
        saved, mode.training = mode.training, self._is_train
        try:
            grads = recording.tape.gradients(self._results, head_grads, list(self._leaves.values()), create_graph=False)
        finally:
            mode.training = saved
        self._results = []
        targets = self._targets()
        for name, grad in zip(self._leaves, grads, strict=True):
            target = targets[name]
            if target.req == "add":
                target.array[:] = target.array if grad is None else target.array + grad
            else:
                target.array[:] = 0 if grad is None else grad

    def _check(self, head_grads: Sequence[Any]) -> None:
        for index, (grad, output) in enumerate(zip(head_grads, self.outputs, strict=True)):
            if grad is not None and tuple(grad.shape) != output.shape:
                raise ArgumentError(
                    f"Output {index}: expected a gradient of shape {output.shape}. Received: {tuple(grad.shape)}."
                )

    @property
    def memory(self) -> dict[Context, Any]:
        """No memory is held between runs."""
        return {}

    @property
    def memory_slots(self) -> list[Any]:
        """No memory is held between runs."""
        return []

    def debug_str(self) -> str:
        """The graph in words."""
        return f"{describe(self._heads)}Runs operator by operator: its shapes follow from values.\n"


def _leaf(array: NDArray) -> NDArray:
    """An array over the same memory that a recording starts from."""
    leaf = wrap(array._data, array.context)
    recording.tape.attach(leaf, "write", None)
    return leaf
