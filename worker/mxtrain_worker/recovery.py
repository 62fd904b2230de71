"""`Recovery`: lets a new process take the place of a dead worker in the middle of `fit`, with equal results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgpack
import numpy as np

from mxtrain.base import MXNetError
from mxtrain.context import Context, cpu
from mxtrain.ndarray import NDArray
from mxtrain_worker.training_checkpoint import random_states, set_random_states

#: What is saved when an epoch begins (it may be large), and before each step.
_EPOCH, _STEP = 0, 1


class Place(NamedTuple):
    """Where a training goes on: batch number `batch`, from 0, of an epoch."""

    epoch: int
    batch: int


class Recovery:
    """Saves with the servers what the next step depends on besides the weights: data, random numbers, auxiliary states.

    A new process begins the epoch as the dead one did, passes over the batches that are done, and does the step anew
    that was under way: its gradients have equal bits, and servers pass over what they have of them. Metrics begin anew.
    """

    def __init__(self, module: Any, train_data: Any) -> None:
        self.module = module
        self.train_data = train_data
        self.kvstore = module._kvstore
        self._steps = 0
        self._saved_step: Mapping[str, Any] | None = None

    @staticmethod
    def of(module: Any, train_data: Any) -> Recovery | None:
        """For a module whose servers keep positions and update its weights; None for any other."""
        kvstore: Any = getattr(module, "_kvstore", None)
        if not getattr(kvstore, "keeps_positions", False) or not hasattr(module, "_exec_group"):
            return None
        if not module._update_on_kvstore:
            if kvstore.replaces:
                raise MXNetError(
                    "Expected: a training whose optimizer runs on the servers, to go on in place of a dead worker. "
                    "Received: one with MXNET_UPDATE_ON_KVSTORE=0, whose optimizer states died with the worker."
                )
            return None
        return Recovery(module, train_data)

    # ---------------------------------------------------------------- saving

    def begin_epoch(self, epoch: int) -> None:
        """An epoch begins; the data has been reset."""
        self._steps += 1
        data = self.train_data.get_state() if hasattr(self.train_data, "get_state") else None
        self._save(_EPOCH, {"epoch": epoch, "data": data, **self._common()})

    def begin_step(self, epoch: int, batch: int) -> None:
        """A batch has been fetched and will now be computed."""
        self._steps += 1
        self._saved_step = {"epoch": epoch, "batch": batch, **self._common()}

    def before_push(self) -> None:
        """The gradients of the step are there and will be pushed: all earlier pushes have come back as weights."""
        if self._saved_step is not None:
            self._save(_STEP, self._saved_step)
            self._saved_step = None

    def _common(self) -> dict[str, Any]:
        return {"random": random_states(self._contexts()), "aux": [_bytes(array) for array in self._aux()]}

    def _contexts(self) -> set[Context]:
        return {cpu(), *getattr(self.module, "_context", ())}

    def _aux(self) -> list[NDArray]:
        return [copy for copies in self.module._exec_group.aux_arrays for copy in copies]

    def _save(self, slot: int, content: Mapping[str, Any]) -> None:
        self.kvstore.save_position(slot, self._steps, msgpack.packb(content))

    # ---------------------------------------------------------------- taking up

    def take_up(self) -> Place | None:
        """Go where the worker was in whose place this process is; None where that is the beginning.

        Raises MXNetError where what was saved does not fit this training.
        """
        if not self.kvstore.replaces:
            return None
        epoch, step = (self.kvstore.read_position(slot) for slot in (_EPOCH, _STEP))
        if epoch is None:
            return None
        start = _unpacked(epoch.data)
        place = Place(start["epoch"], 0)
        newest, self._saved_step = epoch, None
        if step is not None and step.step > epoch.step:
            self._saved_step = _unpacked(step.data)
            newest, place = step, Place(start["epoch"], self._saved_step["batch"])
        self._steps = newest.step
        self.kvstore.go_on_from(newest)
        self._restore_data(start["data"])
        self._restore(start)
        pull_weights(self.module)
        self.module.logger.info("Epoch[%d] goes on at batch %d in place of a worker that died", *place)
        return place

    def restore_step(self) -> None:
        """The batches that are done have been passed over: go on with the random numbers of the next."""
        if self._saved_step is not None:
            self._restore(self._saved_step)
            self._saved_step = None

    def _restore_data(self, state: Any) -> None:
        if state is not None and hasattr(self.train_data, "set_state"):
            self.train_data.set_state(state)

    def _restore(self, content: Mapping[str, Any]) -> None:
        set_random_states(content["random"])
        for array, values in zip(self._aux(), content["aux"], strict=True):
            array[:] = np.frombuffer(values, array.dtype).reshape(array.shape)


def join_job(module: Any) -> None:
    """Begin with the weights that a job has come to, where it ran before this worker came."""
    kvstore: Any = getattr(module, "_kvstore", None)
    if getattr(kvstore, "joins", False) and hasattr(module, "_exec_group"):
        kvstore.join()
        pull_weights(module)


def pull_weights(module: Any) -> None:
    """Take the weights of the store, of the rounds in which this worker is."""
    group = module._exec_group
    module._kvstore.pull(list(group.param_names), out=[list(copies) for copies in group.param_arrays])
    module._params_dirty = True


def _bytes(array: NDArray) -> bytes:
    return array.asnumpy().tobytes()


def _unpacked(data: bytes) -> dict[str, Any]:
    try:
        content: dict[str, Any] = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise MXNetError(f"Expected: the position of a training, from the servers. Received: {error}.") from error
    return content
