"""`LeasedData`: what `fit` does where workers share data by leases: one that has none for now waits, and returns."""

from collections.abc import Callable
from functools import partial
from typing import Any

from mxtrain.base import MXNetError
from mxtrain_worker.recovery import Recovery, pull_weights
from mxtrain_worker.training_state import Place, TrainingState


class LeasedData:
    """Follows a training by `fit` on a `mx.io.LeasedIter`.

    place: the batch that is fetched next. renew_weights: takes those that the store has now.
    """

    def __init__(self, module: Any, leases: Any, state: TrainingState) -> None:
        self.place = Place(0, 0)
        self._leases = leases
        self._state = state
        self._recovery: Recovery | None = None
        self._restores: Callable[[], bool] = lambda: False
        self.renew_weights = partial(pull_weights, module)
        leases.on_return = self.renew_weights
        leases.before_wait = self._save_place

    @staticmethod
    def of(module: Any, train_data: Any, state: TrainingState) -> "LeasedData | None":
        """None for data that are not leased. Raises MXNetError where rounds could not go on without a worker."""
        leases = getattr(train_data, "leases", None)
        if leases is None:
            return None
        store = getattr(module, "_kvstore", None)
        if "dist" not in leases.kvstore.type:
            return None
        if store is not leases.kvstore:
            raise MXNetError(
                "Expected: the KVStore of the LeasedIter for the training, too. Received: another one. "
                "Make one with mx.kv.create, and pass it to LeasedIter and to fit(kvstore=...)."
            )
        if not module._update_on_kvstore:
            raise MXNetError(
                "Expected: an optimizer on the servers, so that a worker without data misses no update. "
                "Received: MXNET_UPDATE_ON_KVSTORE=0."
            )
        return LeasedData(module, leases, state)

    def first_epoch(self, begin_epoch: int) -> int:
        """The epoch to begin with; a worker that joins a job begins where the job is."""
        return max(begin_epoch, int(self._leases.epoch)) if self._leases.joined else begin_epoch

    def save_with(self, recovery: Recovery | None, restores: Callable[[], bool]) -> None:
        """Let the servers know when this worker waits. restores: whether the training is not yet where it was."""
        self._recovery, self._restores = recovery, restores

    def step_aside(self) -> None:
        """This worker stops for good, whatever the others have begun: rounds go on without it."""
        self._leases.pause()

    def stop_with(self, before_step: Callable[[Place], None]) -> None:
        """Let `before_step` end the training while this worker waits, too."""
        self._leases.while_waiting = lambda: before_step(self.place)

    def _save_place(self) -> None:
        """All steps so far are done: a process in the place of this one shall not do the last of them again."""
        if self._recovery is not None and not self._restores():
            self._recovery.begin_step(self._state.at_step(*self.place))
            self._recovery.before_push()
