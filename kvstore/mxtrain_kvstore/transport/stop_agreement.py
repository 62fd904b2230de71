"""`StopAgreement`: a worker's side of an orderly stop: after which step all workers end."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mxtrain.base import MXNetError
from mxtrain_protos import scheduler_pb2 as pb

#: Seconds that an answer of the scheduler may be late by; it has the same deadline and says who is missing.
_LATE = 5.0


class StopAgreement:
    """What a worker knows of an orderly stop of its job; see `OrderlyStop` in mxtrain_server.

    changed: guards all of it. send: puts a message on the stream to the scheduler. wait: returns when something is so,
    or the job has failed; False where neither came in so many seconds. failure: why the job has failed, or None.
    has_left: whether the worker of a rank has ended.
    """

    def __init__(
        self,
        changed: threading.Condition,
        send: Callable[[pb.NodeMessage], None],
        wait: Callable[[Callable[[], bool], float], bool],
        failure: Callable[[], str | None],
        has_left: Callable[[int], bool],
    ) -> None:
        self._changed = changed
        self._send = send
        self._wait = wait
        self._failure = failure
        self._has_left = has_left
        self.reason = ""
        self.leaves_alone = False
        self._asked = ""
        self._seconds = 30.0
        self._ability: pb.CanStop | None = None
        self._in_step = True
        self._begun = 0
        self._stop_at: int | None = None
        self._has_stopped = False
        self._writer: int | None = None

    # ---------------------------------------------------------------- the training

    def open(self, saves: bool, in_step: bool = True) -> None:
        """A training begins. saves: there is a place for a checkpoint. in_step: all workers do the same steps."""
        with self._changed:
            self._in_step = in_step
            self._ability = pb.CanStop(can=True, saves=saves)
            self._send(pb.NodeMessage(can_stop=self._ability))

    def close(self) -> None:
        """The training has ended: this worker takes part in no orderly stop any more."""
        with self._changed:
            if self._ability is not None and self._ability.can:
                self._ability = pb.CanStop(can=False)
                self._send(pb.NodeMessage(can_stop=self._ability))

    def ask(self, reason: str) -> None:
        """Have the job stopped; may be called by a handler of signals."""
        self._asked = reason
        self._send(pb.NodeMessage(ask_stop=pb.AskStop(reason=reason)))

    def begin_step(self, step: int) -> bool:
        """Whether this worker may begin a step of that number, from 1; else it is to stop here.

        Raises MXNetError where the job fails meanwhile, or nobody says which step is the last.
        """
        with self._changed:
            if self.leaves_alone and not self.reason:
                return False
            if self.reason:
                if self._stop_at is None:
                    self._await(lambda: self._stop_at is not None, "the step after which all workers stop")
                if not self._in_step or self._stop_at is None or step > self._stop_at:
                    return False
            self._begun = step
            return True

    @property
    def last_step(self) -> int | None:
        """The furthest step that any worker had begun when all were to stop; None as long as nobody says."""
        return self._stop_at

    def stop(self) -> int:
        """Say that this worker has stopped, and wait for all others; returns the rank that writes the checkpoint."""
        with self._changed:
            self._has_stopped = True
            self._send(pb.NodeMessage(stopped=pb.Stopped()))
            self._await(lambda: self._writer is not None, "all other workers to come to the last step")
            return self._writer or 0

    def await_end(self, rank: int) -> None:
        """Return when the worker that writes the checkpoint has done so: others would end by the end of this one."""
        with self._changed:
            self._wait(lambda: self._has_left(rank), self._seconds + _LATE)

    def _await(self, done: Callable[[], bool], what: str) -> None:
        in_time = self._wait(done, self._seconds + _LATE)
        failure = self._failure()
        if failure is not None:
            raise MXNetError(failure)
        if not in_time:
            raise MXNetError(f"Waited {self._seconds:g} s (MXTRAIN_STOP_TIMEOUT) for {what}.")

    # ---------------------------------------------------------------- the scheduler

    def take(self, message: pb.SchedulerMessage) -> None:
        """What the scheduler says of it; `changed` is held."""
        kind = message.WhichOneof("body")
        if kind == "orderly_stop":
            self.reason, self._seconds = message.orderly_stop.reason, message.orderly_stop.seconds
            if self._ability is not None and self._ability.can:
                self._vote()
        elif kind == "stop_at":
            self._stop_at = message.stop_at.step
        elif kind == "all_stopped":
            self._writer = message.all_stopped.writer
        elif kind == "leave":
            self.leaves_alone = True

    def _vote(self) -> None:
        # who knows the last step will come to it, whatever it has begun
        step = self._begun if self._stop_at is None else self._stop_at
        self._send(pb.NodeMessage(at_step=pb.AtStep(step=step)))

    def repeat(self) -> None:
        """Tell a scheduler that may be new what it cannot know; `changed` is held."""
        if self._ability is not None:
            self._send(pb.NodeMessage(can_stop=self._ability))
        if (self._asked or self.reason) and self._ability is not None and self._ability.saves:
            self._send(pb.NodeMessage(ask_stop=pb.AskStop(reason=self._asked or self.reason)))
        if self._has_stopped:
            self._send(pb.NodeMessage(stopped=pb.Stopped()))
