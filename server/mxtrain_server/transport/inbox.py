"""`Inbox`: messages on their way from the threads that receive them to the loop that answers them; it is bounded."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from mxtrain_server.transport.data_plane import Arrival

#: Bytes and messages that may wait for the loop.
MOST_BYTES = 1 << 26
MOST_MESSAGES = 1 << 14


class Inbox:
    """What has come. has_room: called, on the loop's thread, when there is room again after somebody was sent away."""

    def __init__(self, has_room: Callable[[], None]) -> None:
        self._has_room = has_room
        self._changed = threading.Condition()
        self._arrivals: deque[Arrival] = deque()
        self._answers: deque[Arrival] = deque()
        self._bytes = 0
        self._refused = False
        self._woken = False

    def offer(self, arrival: Arrival) -> bool:
        """Put in a message; False where so many are waiting that it has to be offered again later."""
        with self._changed:
            if self._bytes >= MOST_BYTES or len(self._arrivals) >= MOST_MESSAGES:
                self._refused = True
                return False
            self._bytes += _size(arrival)
            self._arrivals.append(arrival)
            self._changed.notify()
            return True

    def answer(self, arrival: Arrival) -> None:
        """Put in what another server answers; there is never more of it than this one has asked for."""
        with self._changed:
            self._answers.append(arrival)
            self._changed.notify()

    def wake(self) -> None:
        """Let `wait` return at once."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def wait(self, timeout: float) -> None:
        """Return when something has been put in, or after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrivals or self._answers or self._woken, timeout)
            self._woken = False

    def arrivals(self, most: int) -> list[Arrival]:
        """The oldest messages, `most` at most."""
        with self._changed:
            taken = [self._arrivals.popleft() for _ in range(min(most, len(self._arrivals)))]
            self._bytes -= sum(map(_size, taken))
            refused, self._refused = self._refused, False
        if refused:
            self._has_room()
        return taken

    def answers(self) -> list[Arrival]:
        """All answers of other servers."""
        with self._changed:
            taken = list(self._answers)
            self._answers.clear()
        return taken


def _size(arrival: Arrival) -> int:
    return sum(map(len, arrival.frames))
