"""`TrainingState`: what the next step depends on besides the weights: data, random numbers, auxiliary states."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mxtrain.base import MXNetError
from mxtrain.context import Context, cpu
from mxtrain.ndarray import NDArray
from mxtrain_worker.random_states import random_states, set_random_states

Content = dict[str, Any]


class Place(NamedTuple):
    """Where a training goes on: batch number `batch`, from 0, of an epoch."""

    epoch: int
    batch: int


class TrainingState:
    """Reads and restores the state of a module's training, as plain values.

    Who goes on in the middle of an epoch restores its beginning, passes over the batches that are done, and then
    restores what random generators and auxiliary states were before the step.
    """

    def __init__(self, module: Any, train_data: Any) -> None:
        self.module = module
        self.train_data = train_data

    def at_epoch(self, epoch: int) -> Content:
        """When an epoch begins: the data has been reset."""
        data = self.train_data.get_state() if hasattr(self.train_data, "get_state") else None
        return {"epoch": epoch, "data": data, **self.now()}

    def at_step(self, epoch: int, batch: int) -> Content:
        """When a batch has been fetched and will now be computed."""
        return {"epoch": epoch, "batch": batch, **self.now()}

    def now(self) -> Content:
        """Random generators and auxiliary states."""
        return {"random": random_states(self._contexts()), "aux": [_bytes(array) for array in self._aux()]}

    def _contexts(self) -> set[Context]:
        return {cpu(), *getattr(self.module, "_context", ())}

    def _aux(self) -> list[NDArray]:
        group = getattr(self.module, "_exec_group", None)
        return [] if group is None else [copy for copies in group.aux_arrays for copy in copies]

    def restore_epoch(self, content: Mapping[str, Any]) -> None:
        """Go where an epoch began."""
        if content["data"] is not None and hasattr(self.train_data, "set_state"):
            self.train_data.set_state(content["data"])
        self.restore(content)

    def restore(self, content: Mapping[str, Any]) -> None:
        """Go on with the random generators and auxiliary states of then. Raises MXNetError for another network's."""
        arrays, saved = self._aux(), content["aux"]
        sizes = [array.size * np.dtype(array.dtype).itemsize for array in arrays]
        if sizes != [len(values) for values in saved]:
            raise MXNetError(
                f"Expected: a position of this network, with auxiliary states of {sizes} bytes on its devices. "
                f"Received: one with {[len(values) for values in saved]}."
            )
        set_random_states(content["random"])
        for array, values in zip(arrays, saved, strict=True):
            array[:] = np.frombuffer(values, array.dtype).reshape(array.shape)


def _bytes(array: NDArray) -> bytes:
    return array.asnumpy().tobytes()
