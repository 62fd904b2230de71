"""`Conversation`: a worker's requests to servers and their answers, and waiting with a deadline."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.counters import NodeCounters
from mxtrain_kvstore.distributed.channel import Channel, Incoming
from mxtrain_kvstore.distributed.outbox import Outbox, Sent
from mxtrain_kvstore.distributed.routes import Routes
from mxtrain_kvstore.wire import messages as m

_log = logging.getLogger(__name__)

#: Seconds between looks at whether the job still stands, while waiting.
_POLL = 0.2
#: Seconds of waiting after which people are told.
_PATIENCE = 60.0
#: Seconds of waiting after which servers are asked again: an answer may have been lost on the way.
_REMIND = 10.0

Place = tuple[int, int]


class Conversation:
    """Requests and answers; all methods may be called from any thread.

    A "server" is a shard of the job and whichever process is its primary. Where `routes` names another process than
    before, this worker introduces itself there, sends again what may have been lost, and goes on as if nothing had
    happened. wait_timeout: seconds that a wait lasts at most. broken: gives the reason why the job has stopped, or
    None. counters: of this process; the time of waits is added there.
    """

    def __init__(
        self,
        channel: Channel,
        rank: int,
        wait_timeout: float,
        broken: Callable[[], str | None],
        routes: Callable[[], Routes | None] = lambda: None,
    ) -> None:
        self.channel = channel
        self.rank = rank
        self.wait_timeout = wait_timeout
        self._routes = routes
        self._known = routes()
        self.recoverable = self._known is not None and self._known.recoverable
        self.outboxes = [Outbox(self.recoverable) for _ in range(channel.num_servers)]
        self._pending: dict[Place, Sent] = {}
        self._moving: set[int] = set()
        self._hello: Callable[[int, int], m.Hello] | None = None
        self.counters = NodeCounters()
        self.lock = threading.RLock()
        self._broken = broken
        self._failure: str | None = None
        self._last_request = 0
        self._replies: dict[Place, Incoming] = {}
        self._callbacks: dict[Place, Callable[[Incoming], None]] = {}
        self._welcomes: set[int] = set()
        self._handlers: dict[type[Any], Callable[[Incoming], None]] = {
            m.Refused: self._take_refused,
            m.Welcome: self._take_welcome,
            m.Behind: lambda incoming: self._send_again(incoming.server, incoming.message.applied),
        }

    def flush(self) -> None:
        """Send what is staged; a request comes after everything before it."""

    def send(self, server: int, message: Any, payload: np.ndarray | None = None) -> None:
        """Send a message; its payload may be changed as soon as this returns."""
        self._transmit(server, self.outboxes[server].stamp(message, payload))

    def _transmit(self, server: int, sent: Sent) -> None:
        """Put a message on the wire, unless the server has still to be introduced to: it is then sent after that."""
        if server not in self._moving:
            lasting = self.recoverable and type(sent.message) in m.COMMANDS
            self.channel.send(server, sent.message, sent.payload, sent.number, lasting)

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

    def ask_patiently(
        self,
        server: int,
        question: tuple[Any, ...],
        what: str,
        explain: tuple[Any, ...],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Incoming:
        """As `ask_one`, where the answer depends on others. question: kind and fields.

        what: is waited for. explain: kind and fields of the request whose answer, Explained, says why it takes so long.
        meanwhile: called now and then.
        """

        def done() -> bool:
            if place in self._replies:
                return True
            meanwhile()
            return False

        with self.lock:
            self.flush()
            place = self._request(server, question[0], question[1:], None)
            self._wait(done, lambda: f"{what}{self._ask_briefly(server, explain)}")
            reply = self._replies.pop(place)
        if isinstance(reply.message, m.Refused):
            raise MXNetError(f"Server {reply.server} refused: {reply.message.reason}")
        return reply

    def _ask_briefly(self, server: int, explain: tuple[Any, ...]) -> str:
        """An explanation for the end of an error, where the server answers soon."""
        place = self._request(server, explain[0], explain[1:], None)
        end = time.monotonic() + 2
        while time.monotonic() < end and place not in self._replies:
            for incoming in self.channel.receive(0.1):
                self._take(incoming)
        reply = self._replies.pop(place, None)
        return f": {reply.message.text}" if reply is not None and isinstance(reply.message, m.Explained) else ""

    def ask_all(self, kind: type[Any], *fields: Any) -> list[Incoming]:
        """As `ask`, of all servers."""
        return self.ask(range(self.channel.num_servers), kind, *fields)

    def _request(
        self, server: int, kind: type[Any], fields: Sequence[Any], payload: np.ndarray | None
    ) -> tuple[int, int]:
        self._last_request += 1
        sent = self.outboxes[server].stamp(kind(self._last_request, *fields), payload)
        if self.recoverable:
            self._pending[server, self._last_request] = sent
        self._transmit(server, sent)
        return server, self._last_request

    def greet(self, hello: Callable[[int, int], m.Hello], timeout: float) -> None:
        """Introduce this worker to all servers; waits at most `timeout` seconds for their welcome.

        hello: gives the message for a server, from its number and the epoch of the view.
        """
        self._hello = hello
        epoch = self._known.epoch if self._known is not None else 0
        with self.lock:
            for server in range(self.channel.num_servers):
                self.channel.send(server, hello(server, epoch))
            self._wait(
                lambda: len(self._welcomes) == self.channel.num_servers,
                lambda: f"the welcome of server(s) {sorted(set(range(self.channel.num_servers)) - self._welcomes)}",
                timeout,
            )

    def fence(self) -> None:
        """Return when the servers have taken everything that was pushed before."""
        self.ask_all(m.Sync)

    # ---------------------------------------------------------------- other processes as servers

    def follow_routes(self) -> None:
        """Turn to the processes that are the primaries now."""
        routes, before = self._routes(), self._known
        if routes is before or routes is None or before is None or self._hello is None:
            return
        self._known = routes
        for server, (route, old) in enumerate(zip(routes.primaries, before.primaries, strict=True)):
            if route.node != old.node:
                _log.info("worker %d: server %d goes on at %s", self.rank, server, route.endpoint)
                self._moving.add(server)
                self.channel.connect(server, route.endpoint)
                self.channel.send(server, self._hello(server, routes.epoch))

    def process_of(self, server: int) -> str:
        """The name of the process that is a server now; "" where it is always the same."""
        return "" if self._known is None else self._known.primaries[server].node

    def _take_welcome(self, incoming: Incoming) -> None:
        self._welcomes.add(incoming.server)
        if incoming.server in self._moving:
            self._resume(incoming.server, incoming.message)
            self._moving.discard(incoming.server)
            self._send_again(incoming.server, incoming.message.applied)

    def _resume(self, server: int, welcome: m.Welcome) -> None:
        """Another process is this server now: what depends on its memory has to be settled anew."""

    def _send_again(self, server: int, applied: int) -> None:
        """Send the commands after number `applied`, and the requests that have not been answered."""
        outbox = self.outboxes[server]
        again = outbox.after(applied)
        if outbox.last > applied and not (again and again[0].number == applied + 1):
            self._failure = f"Messages to server {server} were lost: it is at {applied} of {outbox.last}."
            return
        for sent in again:
            self._transmit(server, sent)
        numbers = {sent.number for sent in again}
        for (place, _), sent in list(self._pending.items()):
            if place == server and not (sent.number in numbers and type(sent.message) in m.COMMANDS):
                self._transmit(server, sent)
        self._pull_again(server)

    def _pull_again(self, server: int) -> None:
        """Ask again for the values that have not come."""

    def _remind(self) -> None:
        """Ask all servers again: what they answer twice is taken once."""
        for server in range(self.channel.num_servers):
            if server in self._moving and self._hello is not None and self._known is not None:
                self.channel.send(server, self._hello(server, self._known.epoch))
            else:
                self._send_again(server, self.outboxes[server].last)

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
        with self.counters.waiting():
            self._wait_until(done, what, self.wait_timeout if timeout is None else timeout)

    def _wait_until(self, done: Callable[[], bool], what: Callable[[], str], timeout: float) -> None:
        start = time.monotonic()
        told = False
        remind_at = start + _REMIND
        poll = 0.0  # at first only what is there: where the job has failed, each of many waits must end at once
        while True:
            self._hear(poll)
            if done():
                return
            self.check()
            self.follow_routes()
            self._while_waiting()
            poll = _POLL
            now = time.monotonic()
            waited = now - start
            if self.recoverable and now > remind_at:
                remind_at = now + _REMIND
                self._remind()
            if waited > timeout:
                raise MXNetError(f"Worker {self.rank} waited {waited:.0f} s (MXTRAIN_KVSTORE_TIMEOUT) for {what()}.")
            if waited > _PATIENCE and not told:
                told = True
                _log.warning("worker %d has waited %.0f s for %s", self.rank, waited, what())

    def _hear(self, timeout: float) -> None:
        """Take what servers have said, for `timeout` seconds if need be."""
        for incoming in self.channel.receive(timeout):
            self._take(incoming)

    def _while_waiting(self) -> None:
        """Called whenever servers have said something, and now and then."""

    def _take(self, incoming: Incoming) -> None:
        if self.recoverable:
            self.outboxes[incoming.server].trim(incoming.taken)
        try:
            self._handle(incoming)
        except MXNetError:
            raise
        except (LookupError, TypeError, ValueError) as error:
            raise MXNetError(
                f"Worker {self.rank}: expected a message of server {incoming.server} that fits what was asked. "
                f"Received: {incoming.message!r:.200} ({error!r:.200})."
            ) from error

    def _handle(self, incoming: Incoming) -> None:
        if incoming.server in self._moving and type(incoming.message) not in (m.Welcome, m.Refused):
            return  # meant for the connection before, and perhaps for memory that is not mapped any more: asked again
        handler = self._handlers.get(type(incoming.message))
        if handler is not None:
            handler(incoming)
        elif hasattr(incoming.message, "request"):
            self._keep(incoming)

    def _keep(self, incoming: Incoming) -> None:
        """Keep an answer for who asked for it."""
        place = (incoming.server, incoming.message.request)
        if self.recoverable and self._pending.pop(place, None) is None:
            return  # an answer that came before
        callback = self._callbacks.pop(place, None)
        if callback is not None:
            callback(incoming)
        else:
            self._replies[place] = incoming

    def _take_refused(self, incoming: Incoming) -> None:
        refused = incoming.message
        if refused.request:
            self._keep(incoming)
        else:
            self._failure = f"Server {incoming.server} refused what worker {self.rank} sent: {refused.reason}"
