"""`SchedulerClient`: a node's stream to the scheduler, from its registration to its goodbye."""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator

import grpc

from mxtrain.base import MXNetError
from mxtrain.version import __version__
from mxtrain_kvstore.counters import NodeCounters
from mxtrain_kvstore.distributed.routes import Route, Routes
from mxtrain_kvstore.network import require_key_beyond_loopback
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.grpc_connection import open_channel
from mxtrain_kvstore.transport.stop_agreement import StopAgreement
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_protos import scheduler_pb2_grpc as rpc

_log = logging.getLogger(__name__)

#: Version of the control plane's protocol.
PROTOCOL = 3
#: Seconds between attempts to reach a scheduler again, and that one attempt takes at most: at first, and when they fail
#: and more time has passed; on a machine that is very busy a handshake takes longer.
_RECONNECT_PAUSE = 0.25
_RECONNECT_TRY, _RECONNECT_LONG_TRY = 2.0, 10.0


class SchedulerClient:
    """One node of a job, as far as the scheduler knows it.

    node: this node's own name. endpoint: where workers reach a server; "" for a worker. After `register`: `rank`, and
    whether it `replaces` a process that died or `joins` a job that runs; after `wait_for_view`: `view`, always the
    newest, and `routes` by it. `failure` is why the job has stopped, or None; given_up: it goes on, without this node.
    on_change: called, on another thread, when one of these changes. clock_offset: seconds that the scheduler's clock is
    ahead of this node's, to within half the time that its answer to the registration took.

    When the stream breaks it is opened anew, for as long as the settings allow.
    """

    def __init__(self, settings: ClusterSettings, node: str, endpoint: str = "") -> None:
        self.settings = settings
        self.node = node
        self.endpoint = endpoint
        self.rank = -1
        self.replaces = self.joins = False
        self.view: pb.View | None = None
        self.routes: Routes | None = None
        self.counters = NodeCounters()
        self.clock_offset = 0.0
        self._registered_at = 0.0
        self.on_change: Callable[[], None] = lambda: None
        self.failure: str | None = None
        self.job_has_ended = False
        self._heartbeat_interval = settings.heartbeat_interval
        self._barriers = 0
        self._released = 0
        self._passed = 0
        self._finishing = False
        self._failing = False
        self._scheduler = "never heard of"
        self._barrier_answers: dict[int, str] = {}
        self._goodbye = False
        self._stream_has_ended = False
        self.given_up = False
        self._refusal: str | None = None
        self._changed = threading.Condition()
        self._outgoing: queue.SimpleQueue[pb.NodeMessage | None] = queue.SimpleQueue()
        self.stopping = StopAgreement(
            self._changed, self._send, self._wait, lambda: self.failure, self._worker_has_left
        )
        self._is_back = False
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._channel: grpc.Channel | None = None

    # ---------------------------------------------------------------- life

    def register(self) -> int:
        """Join the job; returns the rank. Raises MXNetError where no scheduler answers, or it refuses."""
        settings = self.settings
        require_key_beyond_loopback(settings.scheduler_host or "", settings.cluster_key)
        self._channel = self._open_channel()
        self._start(self._attend, self._open_stream())
        if not self._wait(lambda: self.rank >= 0 or self._refusal is not None, settings.connect_timeout):
            raise self._silence()
        if self._refusal is not None:
            raise MXNetError(
                f"The scheduler at {settings.scheduler_address} refused this {settings.role}: {self._refusal}"
            )
        self._start(self._beat)
        return self.rank

    def wait_for_view(self) -> pb.View:
        """The job's first view, when all nodes have come. Raises MXNetError where they do not."""
        # the scheduler has the same deadline and says who is missing; ours is for when it says nothing
        if not self._wait(lambda: self.view is not None, self.settings.join_timeout + 5):
            raise MXNetError(
                f"Waited {self.settings.join_timeout:g} s (MXTRAIN_JOIN_TIMEOUT) for the job's other nodes."
            )
        if self.view is None:
            raise MXNetError(self.failure or "")
        return self.view

    def barrier(self) -> None:
        """Return when all workers of the view have entered. Raises MXNetError, which names who has not."""
        number = self._barriers
        self._barriers += 1
        if number < self._passed:
            return  # its rank has left it; a scheduler that dies now could not be told that we wait
        self._outgoing.put(pb.NodeMessage(enter_barrier=pb.EnterBarrier(number=number)))
        if not self._wait(lambda: number in self._barrier_answers, self.settings.barrier_timeout + 5):
            raise MXNetError(f"Waited {self.settings.barrier_timeout:g} s (MXTRAIN_BARRIER_TIMEOUT) in a barrier.")
        answer = self._barrier_answers.pop(number, self.failure or "")
        if answer:
            raise MXNetError(answer)

    @property
    def replays(self) -> bool:
        """Whether this process does again what the one that it replaces has done: up to the barriers that it left."""
        return self._barriers < self._passed

    def skip_barriers(self, count: int) -> None:
        """Go on as if this process had been in so many barriers."""
        self._barriers = self._released = count

    @property
    def barriers(self) -> int:
        """How many barriers this process has entered."""
        return self._barriers

    def synced(self, shard: int, node: str) -> None:
        """Say that another server now knows all of a shard."""
        self._outgoing.put(pb.NodeMessage(synced=pb.Synced(shard=shard, node=node)))

    def handed_over(self, shard: int, node: str, epoch: int) -> None:
        """Say that this server is not the primary of a shard any more: another knows all and can go on."""
        self._outgoing.put(pb.NodeMessage(handed_over=pb.HandedOver(shard=shard, node=node, epoch=epoch)))

    def finish(self) -> None:
        """Say goodbye: this node has done its part. Waits for the answer, but not for long."""
        self._finishing = True
        self._outgoing.put(pb.NodeMessage(finish=pb.Finish()))
        if not self._wait(lambda: self._goodbye, self.settings.end_timeout):
            _log.warning("the scheduler did not answer the goodbye within %g s", self.settings.end_timeout)
        self.close()

    def fail(self, reason: str) -> None:
        """Tell everybody that this node cannot go on."""
        self._failing = True
        self._outgoing.put(pb.NodeMessage(fail=pb.Fail(reason=reason[:2000])))
        self._wait(lambda: self._stream_has_ended, 1.0)
        self.close()

    def give_up(self, reason: str) -> None:
        """Take this node out of the job, which goes on."""
        with self._changed:
            self.failure, self.given_up = self.failure or reason, True
            self._changed.notify_all()

    def close(self) -> None:
        """End the stream and its threads."""
        self._closing.set()
        self._outgoing.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=2)
        if self._channel is not None:
            self._channel.close()

    # ---------------------------------------------------------------- stream

    def _open_channel(self) -> grpc.Channel:
        channel = self._make_channel()
        try:
            grpc.channel_ready_future(channel).result(self.settings.connect_timeout)
        except grpc.FutureTimeoutError as error:
            channel.close()
            raise self._silence() from error
        return channel

    def _make_channel(self) -> grpc.Channel:
        settings = self.settings
        return open_channel(settings.scheduler_address, settings.cluster_key, _keepalive(settings.heartbeat_timeout))

    def _silence(self) -> MXNetError:
        return MXNetError(
            f"No scheduler answered at {self.settings.scheduler_address} within {self.settings.connect_timeout:g} s "
            "(MXTRAIN_CONNECT_TIMEOUT). Check that it runs, DMLC_PS_ROOT_URI and DMLC_PS_ROOT_PORT, and that all nodes "
            "have the same MXTRAIN_CLUSTER_KEY or none."
        )

    def _registration(self) -> pb.Register:
        settings = self.settings
        return pb.Register(
            protocol=PROTOCOL,
            job=settings.job,
            role=pb.ROLE_SERVER if settings.role == "server" else pb.ROLE_WORKER,
            node=self.node,
            preferred_rank=settings.preferred_rank,
            host=socket.gethostname(),
            pid=os.getpid(),
            endpoint=self.endpoint,
            version=__version__,
            again=self.rank >= 0,
            rank=max(self.rank, 0),
            barriers=max(self._barriers, self._passed),  # its rank has been there, even if this process still replays
            released=max(self._released, self._passed),
            view=self.view,
        )

    def _open_stream(self) -> Iterator[pb.SchedulerMessage]:
        """A new stream, on which this node is registered first. What the last one had not sent yet is dropped."""
        self._outgoing.put(None)
        self._outgoing = queue.SimpleQueue()
        self._registered_at = time.time()
        self._outgoing.put(pb.NodeMessage(register=self._registration()))
        responses: Iterator[pb.SchedulerMessage] = rpc.SchedulerStub(self._channel).Attend(_requests(self._outgoing))
        return responses

    def _worker_has_left(self, rank: int) -> bool:
        nodes = () if self.view is None else self.view.nodes
        return not any(
            node.role == pb.ROLE_WORKER and node.rank == rank and node.state == pb.NODE_STATE_ACTIVE for node in nodes
        )

    def _send(self, message: pb.NodeMessage) -> None:
        self._outgoing.put(message)  # on the stream of this moment

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"scheduler {target.__name__}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _beat(self) -> None:
        while not self._closing.wait(self._heartbeat_interval):
            self._outgoing.put(pb.NodeMessage(heartbeat=pb.Heartbeat(counters=self.counters.to_proto())))

    def _attend(self, responses: Iterator[pb.SchedulerMessage]) -> None:
        """Read streams, one after the other, until this node's part in the job has ended."""
        while True:
            self._read(responses)
            if self._has_ended or not self._reconnect():
                break
            responses = self._open_stream()
        with self._changed:
            if not self._has_ended:
                self.failure = (
                    f"The scheduler ({self._scheduler}, at {self.settings.scheduler_address}) is gone: "
                    "its connection broke. Start the job again; load_checkpoint takes up its last checkpoint."
                )
            self._stream_has_ended = True
            self._changed.notify_all()
        self.on_change()

    @property
    def _has_ended(self) -> bool:
        left = self._goodbye or self._failing or self._closing.is_set()
        return left or self.failure is not None or self._refusal is not None

    def _read(self, responses: Iterator[pb.SchedulerMessage]) -> None:
        try:
            for message in responses:
                with self._changed:
                    self._take(message)
                    self._changed.notify_all()
                self.on_change()
        except grpc.RpcError as error:
            _log.debug("the stream to the scheduler broke: %r", error)

    def _reconnect(self) -> bool:
        """Wait for a scheduler at the same address; whether there is one in time."""
        timeout = self.settings.scheduler_timeout
        if not timeout:
            return False
        _log.warning("the scheduler cannot be reached: waiting for it for %g s", timeout)
        end = time.monotonic() + timeout
        while time.monotonic() < end and not self._closing.wait(_RECONNECT_PAUSE):
            channel = self._make_channel()
            ready = grpc.channel_ready_future(channel)
            waited = timeout - (end - time.monotonic())
            try:
                ready.result(min(max(_RECONNECT_TRY, waited / 2), _RECONNECT_LONG_TRY))
            except grpc.FutureTimeoutError:
                ready.cancel()
                channel.close()
                continue
            if self._channel is not None:
                self._channel.close()
            self._channel = channel
            return True
        return False

    def _take(self, message: pb.SchedulerMessage) -> None:
        kind = message.WhichOneof("body")
        if kind == "welcome":
            self._take_welcome(message.welcome)
        elif kind == "refused":
            self._refusal = message.refused.reason
            if self.rank >= 0:
                self.given_up = True
                self.failure = f"The scheduler refused this {self.settings.role}: {message.refused.reason}"
        elif kind == "view":
            self.view = message.view
            self.routes = routes_of(message.view)
            if self._is_back:
                self._is_back = False
                self.stopping.repeat()
        elif kind == "barrier_released":
            self._barrier_answers[message.barrier_released.number] = ""
            self._released = max(self._released, message.barrier_released.number + 1)
        elif kind == "barrier_failed":
            self._barrier_answers[message.barrier_failed.number] = message.barrier_failed.reason
        elif kind == "goodbye":
            self._goodbye = True
        elif kind == "end_of_job":
            self.job_has_ended = True
        elif kind == "abort":
            self.failure = message.abort.reason
        else:
            self.stopping.take(message)

    def _take_welcome(self, welcome: pb.Welcome) -> None:
        again = self._is_back = self.rank >= 0
        self._scheduler = f"host {welcome.host}, pid {welcome.pid}"
        self.clock_offset = welcome.time - (self._registered_at + time.time()) / 2
        self.rank, self._heartbeat_interval = welcome.rank, welcome.heartbeat_interval
        if self.view is None:
            self.replaces, self.joins, self._passed = welcome.replaces, welcome.joins, welcome.released
            if self.joins:
                self.skip_barriers(welcome.released)
        elif again and self._finishing:
            self._outgoing.put(pb.NodeMessage(finish=pb.Finish()))

    def _wait(self, done: Callable[[], bool], timeout: float) -> bool:
        """Wait until `done` or the job has failed; False where neither came in time."""
        end = time.monotonic() + timeout
        with self._changed:
            while not done() and self.failure is None:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 1.0))
        return True


def _keepalive(timeout: float) -> tuple[tuple[str, int], ...]:
    """What lets a connection break on which nothing is answered: where a network is cut TCP waits for many minutes.

    timeout: seconds after which the scheduler gives a silent node up; the node gives the connection up after that.
    """
    return (
        ("grpc.keepalive_time_ms", round(1000 * timeout)),
        ("grpc.keepalive_timeout_ms", round(500 * timeout)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    )


def routes_of(view: pb.View) -> Routes:
    """Where the shards are by a view."""
    endpoints = {node.node: node.endpoint for node in view.nodes}
    primaries = tuple(Route(shard.primary, endpoints.get(shard.primary, "")) for shard in view.shards)
    return Routes(view.epoch, primaries, view.replicas > 0 or view.movable)


def _requests(outgoing: queue.SimpleQueue[pb.NodeMessage | None]) -> Iterator[pb.NodeMessage]:
    """What is put into a queue, until None."""
    while (message := outgoing.get()) is not None:
        yield message
