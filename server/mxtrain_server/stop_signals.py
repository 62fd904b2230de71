"""`StopSignals`: a node that serves others ends with its job, not at once, when it is told to end."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

NUMBERS = (signal.SIGINT, signal.SIGTERM)
#: Seconds that a node serves on after a job should have stopped: to hear that it has failed to.
LONGER = 1.0


class StopSignals:
    """SIGINT and SIGTERM: the first gives workers time to stop in order, the second ends this node at once.

    seconds: how long the node serves on after the first. on_first: called then, in the handler; gives whether it is
    worth while to serve on.
    """

    def __init__(self, seconds: float, on_first: Callable[[], bool]) -> None:
        self._seconds = seconds
        self._on_first = on_first
        self._end_at: float | None = None

    def take(self) -> None:
        """A signal has come."""
        first, now = self._end_at is None, time.monotonic()
        self._end_at = now + self._seconds if first and self._on_first() else now

    @property
    def seconds_left(self) -> float | None:
        """How long the node may serve on; None where nobody has told it to end."""
        return None if self._end_at is None else max(0.0, self._end_at - time.monotonic())

    def is_due(self) -> bool:
        """Whether the node is to end now, whatever its job does."""
        return self.seconds_left == 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals of this process; only a main thread has them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = [signal.signal(number, lambda *_: self.take()) for number in NUMBERS]
        try:
            yield
        finally:
            for number, handler in zip(NUMBERS, before, strict=True):
                signal.signal(number, handler)
