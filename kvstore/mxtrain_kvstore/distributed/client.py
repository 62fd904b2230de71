"""`ParameterClient`: a worker's pushes, pulls and requests to all servers, batched and asynchronous."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.channel import Channel, Incoming
from mxtrain_kvstore.distributed.lane import BATCH_BYTES, Lane
from mxtrain_kvstore.distributed.parameter import Block, Parameter
from mxtrain_kvstore.sums import sum_into
from mxtrain_kvstore.wire import messages as m

_log = logging.getLogger(__name__)

#: Blocks of at least so many bytes are sent by themselves, without being staged.
DIRECT_BYTES = 1 << 16
#: Rounds that a worker may push ahead of the last one that it knows to be complete.
MAX_ROUNDS_AHEAD = 16
#: Seconds between looks at whether the job still stands, while waiting.
_POLL = 0.2
#: Seconds of waiting after which people are told.
_PATIENCE = 60.0


class ParameterClient:
    """Everything between this worker and the servers; all methods may be called from any thread.

    wait_timeout: seconds that a wait lasts at most. broken: gives the reason why the job has stopped, or None.
    """

    def __init__(self, channel: Channel, rank: int, wait_timeout: float, broken: Callable[[], str | None]) -> None:
        self.channel = channel
        self.rank = rank
        self.wait_timeout = wait_timeout
        self.lanes = [Lane(server) for server in range(channel.num_servers)]
        self.lock = threading.RLock()
        self._broken = broken
        self.abandoned: list[int] = []
        self.wake_flusher: Callable[[], None] = lambda: None
        self._failure: str | None = None
        self._last_request = 0
        self._replies: dict[tuple[int, int], Incoming] = {}
        self._welcomes: set[int] = set()
        self._handlers = {
            m.Pulled: self._take_pulled,
            m.Refused: self._take_refused,
            m.Welcome: lambda incoming: self._welcomes.add(incoming.server),
        }

    # ---------------------------------------------------------------- values

    def push(self, parameter: Parameter, sources: Sequence[np.ndarray]) -> None:
        """Push the sum of arrays of the parameter's shape and dtype; they may be changed as soon as this returns.

        Waits only where a pull of the same parameter is under way, or the worker is too many rounds ahead.
        """
        with self.lock:
            if parameter.awaiting or parameter.staged or self._failure:
                self._make_way(parameter)
            parameter.pushed += 1
            consumed = parameter.seen >= parameter.pushed - 1
            if not consumed and parameter.pushed - parameter.seen > MAX_ROUNDS_AHEAD:
                self._catch_up(parameter)
            for block in parameter.blocks:
                self._push_block(block, sources, parameter.pushed, consumed)

    def _make_way(self, parameter: Parameter) -> None:
        """Before the next push of a parameter its staged push must be out and its pull must be in."""
        self.check()
        if parameter.staged:
            self.flush()
        if parameter.awaiting:
            self.settle(parameter)

    def _catch_up(self, parameter: Parameter) -> None:
        """Wait until the servers have completed all earlier rounds of a parameter."""
        parameter.pushed -= 1
        self.pull(parameter, [])
        self.settle(parameter)
        parameter.pushed += 1

    def _push_block(self, block: Block, sources: Sequence[np.ndarray], number: int, consumed: bool) -> None:
        if block.segment.shared:
            staged = consumed  # else the servers may still be reading the last push from there
        else:
            staged = block.nbytes < DIRECT_BYTES or len(sources) > 1
        if not staged:
            values = _summed(block, sources).reshape(-1).view(np.uint8)
            self.channel.send(block.lane.server, m.Push([[block.number, block.index, 1, number]], False), values)
            return
        if len(sources) == 1 and block.whole:
            block.staging[...] = sources[0]
        else:
            sum_into(block.staging, _parts(block, sources))
        block.parameter.staged += 1
        block.batch.add_push(block, number)
        self._staged(block)

    def _staged(self, block: Block) -> None:
        """See to it that what was staged goes out: at once where it is much, and else even if nobody waits for it."""
        if block.batch.weight >= BATCH_BYTES:
            self._flush(block.lane)
        elif not block.lane.pending:
            block.lane.pending = True
            self.wake_flusher()

    def pull(self, parameter: Parameter, outs: Sequence[np.ndarray], finish: Callable[[], None] | None = None) -> None:
        """Ask for the parameter's values; `settle` returns when they are in `outs`, arrays of its shape.

        finish: called when they are.
        """
        with self.lock:
            blocks = parameter.blocks
            if parameter.awaiting and parameter.awaiting != len(blocks):
                self.settle(parameter)
            parameter.outs += outs
            if finish is not None:
                parameter.finish.append(finish)
            if parameter.awaiting:
                return  # nothing of the pull under way has come yet: it serves these arrays too
            parameter.awaiting = len(blocks)
            for block in blocks:
                block.batch.add_pull(block, parameter.pushed)
                self._staged(block)

    def settle(self, parameter: Parameter) -> None:
        """Return when the pull of a parameter has come. Raises MXNetError where it does not, and says why."""
        if not parameter.awaiting:
            return
        with self.lock:
            self.flush()
            self._wait(lambda: not parameter.awaiting, lambda: self._what_delays(parameter))

    def flush_unless_busy(self) -> bool:
        """Send what is staged, if no other thread is at work here; whether nothing is staged now."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            self.flush()
            return True
        finally:
            self.lock.release()

    def flush(self) -> None:
        """Send what is staged."""
        with self.lock:
            for lane in self.lanes:
                if lane.pending:
                    self._flush(lane)
            while self.abandoned:
                store = self.abandoned.pop()
                for server in range(self.channel.num_servers):
                    self._request(server, m.LeaveStore, (store,), None)

    def _flush(self, lane: Lane) -> None:
        """Send a lane's pushes, then its pulls: a pull asks for what pushes before it bring about."""
        for batch in lane.batches:
            if batch.pushes:
                payload = None if batch.mapped else lane.payload(batch.pushes)
                self.channel.send(lane.server, m.Push(batch.pushes, batch.mapped), payload)
                for parameter in batch.staged:
                    parameter.staged -= 1
        for batch in lane.batches:
            if batch.pulls:
                self.channel.send(lane.server, m.Pull(batch.pulls, batch.mapped))
            batch.clear()
        lane.pending = False

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
        while True:
            for incoming in self.channel.receive(_POLL):
                self._take(incoming)
            if done():
                return
            self.check()
            waited = time.monotonic() - start
            if waited > timeout:
                raise MXNetError(f"Worker {self.rank} waited {waited:.0f} s for {what()}.")
            if waited > _PATIENCE and not told:
                told = True
                _log.warning("worker %d has waited %.0f s for %s", self.rank, waited, what())

    def _take(self, incoming: Incoming) -> None:
        handler = self._handlers.get(type(incoming.message))
        if handler is not None:
            handler(incoming)
        elif hasattr(incoming.message, "request"):
            self._replies[incoming.server, incoming.message.request] = incoming

    def _take_refused(self, incoming: Incoming) -> None:
        refused = incoming.message
        if refused.request:
            self._replies[incoming.server, refused.request] = incoming
        else:
            self._failure = f"Server {incoming.server} refused what worker {self.rank} sent: {refused.reason}"

    def _take_pulled(self, incoming: Incoming) -> None:
        segments = self.lanes[incoming.server].segments
        if incoming.message.mapped:
            for number, first, count, reached in incoming.message.runs:
                for block in segments[number].run(first, count):
                    if block.values is not None:
                        _arrive(block, block.values, reached)
            return
        position = 0
        payload = np.empty(0, np.uint8) if incoming.payload is None else incoming.payload
        for number, first, count, reached in incoming.message.runs:
            segment = segments[number]
            for block in segment.run(first, count):
                end = position + block.nbytes
                values = payload[position:end].view(segment.dtype)
                _arrive(block, values.reshape(block.parameter.shape) if block.whole else values, reached)
                position = end

    def _what_delays(self, parameter: Parameter) -> str:
        """What a pull is waiting for, asked of the servers where they answer."""
        text = f"the pull of {parameter.describe()}, round {parameter.pushed}"
        places = []
        for block in parameter.blocks:
            run = [block.segment.number, block.index, 1, parameter.pushed]
            places.append(self._request(block.lane.server, m.Explain, ([run],), None))
        end = time.monotonic() + 2
        while time.monotonic() < end and not all(place in self._replies for place in places):
            for incoming in self.channel.receive(0.1):
                self._take(incoming)
        answers = [self._replies.pop(place) for place in places if place in self._replies]
        reasons = dict.fromkeys(answer.message.text for answer in answers if answer.message.text)
        if len(answers) < len(places):
            silent = sorted({server for server, _ in places} - {answer.server for answer in answers})
            reasons[f"no answer from server(s) {silent}"] = None
        return ": ".join([text, "; ".join(reasons)]) if reasons else text


def _arrive(block: Block, values: np.ndarray, reached: int) -> None:
    """Put a block's values where its parameter's pull wants them."""
    parameter = block.parameter
    if block.whole:
        for out in parameter.outs:
            out[...] = values
    else:
        for out in parameter.outs:
            out.reshape(-1)[block.offset : block.stop] = values
    parameter.awaiting -= 1
    if not parameter.awaiting:
        parameter.seen = reached
        parameter.outs = []
        finish, parameter.finish = parameter.finish, []
        for call in finish:
            call()


def _parts(block: Block, sources: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """A block's elements of each array, in the form of its staging."""
    if block.whole:
        return sources
    return [source.reshape(-1)[block.offset : block.stop] for source in sources]


def _summed(block: Block, sources: Sequence[np.ndarray]) -> np.ndarray:
    parts = _parts(block, sources)
    if len(parts) == 1:
        return parts[0]
    total = np.empty_like(parts[0])
    sum_into(total, parts)
    return total
