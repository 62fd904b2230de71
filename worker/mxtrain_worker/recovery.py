"""`Recovery`: lets a new process take the place of a dead worker in the middle of `fit`, with equal results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from mxtrain.base import MXNetError
from mxtrain_worker.training_state import Content, Place, TrainingState

#: What is saved when an epoch begins (it may be large), and before each step.
_EPOCH, _STEP = 0, 1


class Recovery:
    """Saves with the servers what the next step depends on besides the weights: data, random numbers, auxiliary states.

    A new process begins the epoch as the dead one did, passes over the batches that are done, and does the step anew
    that was under way: its gradients have equal bits, and servers pass over what they have of them. Metrics begin anew.
    """

    def __init__(self, module: Any, state: TrainingState) -> None:
        self.module = module
        self.kvstore = module._kvstore
        self._state = state
        self._steps = 0
        self._begun: Content | None = None

    @staticmethod
    def of(module: Any, state: TrainingState) -> Recovery | None:
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
        return Recovery(module, state)

    # ---------------------------------------------------------------- saving

    def begin_epoch(self, start: Content) -> None:
        """An epoch begins; the data has been reset."""
        self._steps += 1
        self._save(_EPOCH, start)

    def go_on(self, start: Content, step: Content) -> None:
        """The training goes on from a checkpoint in the middle of an epoch."""
        self.begin_epoch(start)
        self._steps += 1
        self._save(_STEP, step)

    def begin_step(self, content: Content) -> None:
        """A batch has been fetched and will now be computed."""
        self._steps += 1
        self._begun = content

    def before_push(self) -> None:
        """The gradients of the step are there and will be pushed: all earlier pushes have come back as weights."""
        if self._begun is not None:
            self._save(_STEP, self._begun)
            self._begun = None

    def _save(self, slot: int, content: Mapping[str, Any]) -> None:
        self.kvstore.save_position(slot, self._steps, msgpack.packb(content))

    # ---------------------------------------------------------------- taking up

    def take_up(self) -> tuple[Place, Content, Content | None] | None:
        """Where the worker was in whose place this process is, with what its epoch and step began; None: nowhere yet.

        Raises MXNetError where what was saved does not fit this training.
        """
        if not self.kvstore.replaces:
            return None
        epoch, step = (self.kvstore.read_position(slot) for slot in (_EPOCH, _STEP))
        if epoch is None:
            return None
        start, begun = _unpacked(epoch.data), None
        place, newest = Place(start["epoch"], 0), epoch
        if step is not None and step.step > epoch.step:
            begun, newest = _unpacked(step.data), step
            place = Place(start["epoch"], begun["batch"])
        self._steps = newest.step
        self.kvstore.go_on_from(newest)
        pull_weights(self.module)
        self.module.logger.info("Epoch[%d] goes on at batch %d in place of a worker that died", *place)
        return place, start, begun


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


def _unpacked(data: bytes) -> dict[str, Any]:
    try:
        content: dict[str, Any] = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise MXNetError(f"Expected: the position of a training, from the servers. Received: {error}.") from error
    return content
