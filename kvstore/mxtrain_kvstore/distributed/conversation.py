"""`Conversation`: a worker's requests to servers and their answers, and waiting with a deadline."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.channel import Channel, Incoming
from mxtrain_kvstore.wire import messages as m

_log = logging.getLogger(__name__)

#: Seconds between looks at whether the job still stands, while waiting.
_POLL = 0.2
#: Seconds of waiting after which people are told.
_PATIENCE = 60.0

Place = tuple[int, int]


class Conversation:
    """Requests and answers; all methods may be called from any thread.

    wait_timeout: seconds that a wait lasts at most. broken: gives the reason why the job has stopped, or None.
    """

    def __init__(self, channel: Channel, rank: int, wait_timeout: float, broken: Callable[[], str | None]) -> None:
        self.channel = channel
        self.rank = rank
        self.wait_timeout = wait_timeout
        self.lock = threading.RLock()
        self._broken = broken
        self._failure: str | None = None
        self._last_request = 0
        self._replies: dict[Place, Incoming] = {}
        self._unwanted: set[Place] = set()
        self._welcomes: set[int] = set()
        self._handlers: dict[type[Any], Callable[[Incoming], None]] = {
            m.Refused: self._take_refused,
            m.Welcome: lambda incoming: self._welcomes.add(incoming.server),
        }

    def flush(self) -> None:
        """Send what is staged; a request comes after everything before it."""

    # ---------------------------------------------------------------- requests

    def ask(
        self, servers: Iterable[int], kind: type[Any], *fields: Any, payload: np.ndarray | None = None
    ) -> list[Incoming]:
        """Send a request to servers and wait for all answers, in order. Raises MXNetError where one refuses."""
        with self.lock:
            self.flush()
            places = [self._request(server, kind, fields, payload) for server in servers]
            waiting = f"the answer of server(s) {sorted(server for server, _ in places)} to {kind.__name__}"
            self._wait(lambda: all(place in self._replies for place in places), lambda: waiting)
            replies = [self._replies.pop(place) for place in places]
        for reply in replies:
            if isinstance(reply.message, m.Refused):
                raise MXNetError(f"Server {reply.server} refused: {reply.message.reason}")
        return replies

    def ask_one(self, server: int, kind: type[Any], *fields: Any, payload: np.ndarray | None = None) -> Incoming:
        """As `ask`, of one server."""
        return self.ask((server,), kind, *fields, payload=payload)[0]

    def ask_all(self, kind: type[Any], *fields: Any) -> list[Incoming]:
        """As `ask`, of all servers."""
        return self.ask(range(self.channel.num_servers), kind, *fields)

    def _request(
        self, server: int, kind: type[Any], fields: Sequence[Any], payload: np.ndarray | None
    ) -> tuple[int, int]:
        self._last_request += 1
        self.channel.send(server, kind(self._last_request, *fields), payload)
        return server, self._last_request

    def greet(self, hello: m.Hello, timeout: float) -> None:
        """Introduce this worker to all servers; waits at most `timeout` seconds for their welcome."""
        with self.lock:
            for server in range(self.channel.num_servers):
                self.channel.send(server, hello)
            self._wait(
                lambda: len(self._welcomes) == self.channel.num_servers,
                lambda: f"the welcome of server(s) {sorted(set(range(self.channel.num_servers)) - self._welcomes)}",
                timeout,
            )

    def fence(self) -> None:
        """Return when the servers have taken everything that was pushed before."""
        self.ask_all(m.Sync)

    # ---------------------------------------------------------------- waiting

    def check(self) -> None:
        """Raise MXNetError where the job has stopped, or a server has refused a push or pull."""
        reason = self._failure or self._broken()
        if reason:
            raise MXNetError(reason)

    def _wait(self, done: Callable[[], bool], what: Callable[[], str], timeout: float | None = None) -> None:
        """Take messages until `done`. what: says what is waited for. timeout: seconds, wait_timeout by default."""
        if done():
            return
        timeout = self.wait_timeout if timeout is None else timeout
        start = time.monotonic()
        told = False
        poll = 0.0  # at first only what is there: where the job has failed, each of many waits must end at once
        while True:
            for incoming in self.channel.receive(poll):
                self._take(incoming)
            if done():
                return
            self.check()
            poll = _POLL
            waited = time.monotonic() - start
            if waited > timeout:
                raise MXNetError(f"Worker {self.rank} waited {waited:.0f} s (MXTRAIN_KVSTORE_TIMEOUT) for {what()}.")
            if waited > _PATIENCE and not told:
                told = True
                _log.warning("worker %d has waited %.0f s for %s", self.rank, waited, what())

    def _take(self, incoming: Incoming) -> None:
        handler = self._handlers.get(type(incoming.message))
        if handler is not None:
            handler(incoming)
        elif hasattr(incoming.message, "request"):
            self._keep(incoming)

    def _keep(self, incoming: Incoming) -> None:
        """Keep an answer for who asked for it."""
        place = (incoming.server, incoming.message.request)
        if place in self._unwanted:
            self._unwanted.discard(place)
        else:
            self._replies[place] = incoming

    def _take_refused(self, incoming: Incoming) -> None:
        refused = incoming.message
        if refused.request:
            self._keep(incoming)
        else:
            self._failure = f"Server {incoming.server} refused what worker {self.rank} sent: {refused.reason}"
