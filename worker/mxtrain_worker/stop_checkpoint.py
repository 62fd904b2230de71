"""`StopCheckpoint`: what `fit` needs of a checkpoint to stop with it and to go on from it."""

from typing import Any, Protocol

from mxtrain_worker.last_step import LastStep
from mxtrain_worker.training_state import Content, Place


class StopCheckpoint(Protocol):
    """See `TrainingCheckpoint`, which knows modules, while these run `fit`."""

    rank: int

    @property
    def num_steps(self) -> int:
        """Steps that were done before this training began."""

    def take_up(self, module: Any) -> tuple[Place, Content, Content] | None:
        """Where the training goes on."""

    def write_position(self, start: Content, step: Content, num_steps: int) -> None:
        """Store this worker's part."""

    def write_stopped(self, start: Content, step: Content, num_steps: int, reason: str) -> str:
        """Store weights and optimizer states."""

    def write_weights(self, start: Content, last: LastStep, reason: str) -> str:
        """Store the weights that are left of a job that has failed."""


def find_checkpoint(callbacks: list[Any]) -> StopCheckpoint | None:
    """The first of the epoch-end callbacks that is one."""
    return next((callback for callback in callbacks if hasattr(callback, "write_stopped")), None)
