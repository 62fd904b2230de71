"""`FitStop`: how a training by `fit` is stopped in order, and what is left of one whose job fails."""

import logging
from types import TracebackType
from typing import Any

from mxtrain.base import MXNetError
from mxtrain_worker.last_step import LastStep
from mxtrain_worker.leased_data import LeasedData
from mxtrain_worker.orderly_stop import OrderlyStop
from mxtrain_worker.stop_checkpoint import StopCheckpoint
from mxtrain_worker.training_state import Content, Place, TrainingState

_log = logging.getLogger("mxtrain")


class FitStop:
    """Follows a training step by step; as a `with` block around it.

    checkpoint: where to write to; None: nowhere. leased: of data that workers share by leases.
    """

    def __init__(
        self,
        module: Any,
        state: TrainingState,
        checkpoint: StopCheckpoint | None,
        leased: LeasedData | None = None,
    ) -> None:
        self._kvstore: Any = getattr(module, "_kvstore", None)
        self._state = state
        self._checkpoint = checkpoint
        self._leased = leased
        self._stop = OrderlyStop(self._kvstore, checkpoint is not None, in_step=None if leased is None else False)
        self._start: Content = {}
        self._steps_before = 0 if checkpoint is None else checkpoint.num_steps
        self._steps = 0
        self._last = self._last_step(module)

    def _last_step(self, module: Any) -> LastStep | None:
        """Weights are kept by worker 0, where they lie on servers."""
        if self._checkpoint is None or self._checkpoint.rank or not hasattr(self._kvstore, "stop_agreement"):
            return None
        is_dense = all(copies[0].stype == "default" for copies in module._exec_group.param_arrays)
        return LastStep(module) if is_dense else None

    @property
    def num_steps(self) -> int:
        """How many steps the training has done, in this job and before."""
        return self._steps_before + (self._kvstore.rounds if hasattr(self._kvstore, "rounds") else self._steps)

    def _agreed_steps(self) -> int:
        """The number that all workers give what they write: not all may have done the same number of steps."""
        agreed = getattr(getattr(self._kvstore, "stop_agreement", None), "last_step", None)
        return self.num_steps if agreed is None else self._steps_before + int(agreed)

    def begin_epoch(self, start: Content) -> None:
        """An epoch begins, or goes on that began so."""
        self._start = start

    @property
    def needs_states(self) -> bool:
        """Whether `before_push` keeps what a step began with."""
        return self._last is not None

    def before_step(self, place: Place) -> None:
        """A batch has been fetched and would now be computed. Raises TrainingStopped where it is not to be."""
        if self._stop.is_due():
            self._end(place)

    def before_push(self, content: Content | None) -> None:
        """The gradients of a step are there; all weights of the step before have come."""
        if self._last is not None and content is not None:
            self._last.keep(content, self.num_steps)

    def after_step(self) -> None:
        """A step has been done."""
        self._steps += 1

    def _end(self, place: Place) -> None:
        checkpoint, leased, reason = self._checkpoint, self._leased, self._stop.reason
        if leased is not None:
            leased.step_aside()
        if checkpoint is None:
            self._stop.end(lambda: None)
            return
        step, start, num_steps = self._state.at_step(*place), self._start, self._agreed_steps()

        def write() -> object:
            if leased is not None:
                leased.renew_weights()
            return checkpoint.write_stopped(start, step, num_steps, reason)

        self._stop.end(write, lambda: checkpoint.write_position(start, step, num_steps))

    def __enter__(self) -> "FitStop":
        self._stop.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.__exit__(kind, error, trace)
        failure = getattr(self._kvstore, "job_failure", None)
        if isinstance(error, MXNetError) and failure and self._last is not None and self._last.weights:
            self._save_what_is_left(failure)

    def _save_what_is_left(self, failure: str) -> None:
        if self._checkpoint is None or self._last is None:
            return
        try:
            where = self._checkpoint.write_weights(self._start, self._last, failure)
        except MXNetError as error:
            _log.error("the weights could not be written: %s", error)
        else:
            _log.warning("the job has failed; its weights, without optimizer states, are in %s", where)
