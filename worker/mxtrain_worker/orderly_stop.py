"""`OrderlyStop`: ends a training after a whole step, on all workers the same, when it is told to end."""

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_log = logging.getLogger("mxtrain")

#: Exit code of a training that was stopped and can go on from a checkpoint (as HTCondor knows it).
STOPPED = 85
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class TrainingStopped(SystemExit):
    """The training was told to end, and has written a checkpoint; uncaught, it ends the process with code 85.

    reason: who wanted it. checkpoint: where it lies, as far as this worker knows.
    """

    def __init__(self, reason: str, checkpoint: str = "") -> None:
        super().__init__(STOPPED)
        self.reason = reason
        self.checkpoint = checkpoint


class TrainingLeft(SystemExit):
    """A worker that joined a running job was told to end, and nobody else; uncaught, it ends the process in order."""


class OrderlyStop:
    """While this is entered, SIGTERM and SIGINT stop a training between two steps; a second one acts at once.

    For a training loop of one's own. In a job of several workers, all end after the same step of a synchronous store,
    whoever was told to; then one of them writes the checkpoint, and all end with code 85:

        with mx.model.OrderlyStop(kv) as stop:
            for batch in batches:
                if stop.is_due():
                    stop.end(lambda: save(...))
                ...  # compute, push, pull

    kvstore: of the training; None for one in this process alone. saves: signals are taken, and there is something to
    write; otherwise the training only takes part when others stop. in_step: workers do the same steps, and stop after
    the same one; None: in a synchronous store.
    """

    def __init__(self, kvstore: Any = None, saves: bool = True, in_step: bool | None = None) -> None:
        self._kvstore = kvstore if hasattr(kvstore, "stop_agreement") else None
        self._saves = saves
        self._in_step = "async" not in getattr(kvstore, "type", "") if in_step is None else in_step
        self._before: dict[int, Any] = {}
        self._signal: str = ""

    def __enter__(self) -> "OrderlyStop":
        if self._kvstore is not None:
            self._kvstore.stop_agreement.open(self._saves, self._in_step)
        if (self._saves or self._has_joined) and threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_signals_back()
        if self._kvstore is not None and error is None:
            self._kvstore.stop_agreement.close()

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._signal:
            self._give_signals_back()
            signal.raise_signal(number)
            return
        self._signal = signal.Signals(number).name
        if self._kvstore is not None:
            self._kvstore.stop_agreement.ask(self._signal)

    def _give_signals_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @property
    def reason(self) -> str:
        """Who wants the training to end; "" as long as nobody does."""
        told = self._kvstore.stop_agreement.reason if self._kvstore is not None else ""
        return told or self._signal

    def is_due(self) -> bool:
        """Whether the training is to end here; called before every step, on all workers.

        Raises MXNetError where the job fails meanwhile.
        """
        if self._kvstore is None:
            return bool(self._signal)
        agreement = self._kvstore.stop_agreement
        is_due = not agreement.begin_step(self._kvstore.rounds + 1)
        if is_due and agreement.leaves_alone and not agreement.reason:
            self._leave()
        return is_due

    @property
    def _has_joined(self) -> bool:
        """Whether this worker came to a job that ran already, which can do without it again."""
        return self._kvstore is not None and self._kvstore.rank >= self._kvstore.num_workers

    def _leave(self) -> None:
        """Nobody else was told to end: leave in order, or die as if killed, so that a new process takes the place."""
        _log.warning("this worker alone was told to end: the job goes on")
        self._give_signals_back()
        if self._has_joined:
            raise TrainingLeft(0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)

    def end(self, write: Callable[[], object], write_own: Callable[[], object] = lambda: None) -> None:
        """End the training here. Raises TrainingStopped; MXNetError where the job fails meanwhile.

        write: writes the checkpoint; called on one worker, when all have stopped. write_own: writes something before
        that, on every worker.
        """
        reason = self.reason
        write_own()
        checkpoint: object = ""
        writer = 0 if self._kvstore is None else self._kvstore.stop_agreement.stop()
        if self._kvstore is None or self._kvstore.rank == writer:
            checkpoint = write()
        else:
            self._kvstore.stop_agreement.await_end(writer)
        where = f"; checkpoint {checkpoint}" if checkpoint else ""
        _log.warning("the training stops in order: %s%s", reason.rstrip("."), where)
        raise TrainingStopped(reason, str(checkpoint or ""))
