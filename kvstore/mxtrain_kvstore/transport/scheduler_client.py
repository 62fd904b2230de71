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
from mxtrain_kvstore.network import require_key_beyond_loopback
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.tls import NODE_NAME, channel_credentials
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_protos import scheduler_pb2_grpc as rpc

_log = logging.getLogger(__name__)

#: Version of the control plane's protocol.
PROTOCOL = 1
_OPTIONS = (("grpc.ssl_target_name_override", NODE_NAME), ("grpc.enable_http_proxy", 0))


class SchedulerClient:
    """One node of a job, as far as the scheduler knows it.

    node: this node's own name. endpoint: where workers reach a server; "" for a worker. After `register`: `rank`;
    after `wait_for_view`: `view`. `failure` is why the job has stopped, or None.
    """

    def __init__(self, settings: ClusterSettings, node: str, endpoint: str = "") -> None:
        self.settings = settings
        self.node = node
        self.endpoint = endpoint
        self.rank = -1
        self.view: pb.View | None = None
        self.failure: str | None = None
        self.job_has_ended = False
        self._heartbeat_interval = settings.heartbeat_interval
        self._barriers = 0
        self._barrier_answers: dict[int, str] = {}
        self._goodbye = False
        self._refusal: str | None = None
        self._changed = threading.Condition()
        self._outgoing: queue.SimpleQueue[pb.NodeMessage | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._channel: grpc.Channel | None = None

    # ---------------------------------------------------------------- life

    def register(self) -> int:
        """Join the job; returns the rank. Raises MXNetError where no scheduler answers, or it refuses."""
        settings = self.settings
        require_key_beyond_loopback(settings.scheduler_host or "", settings.cluster_key)
        self._channel = self._open_channel()
        responses = rpc.SchedulerStub(self._channel).Attend(self._requests())
        self._outgoing.put(pb.NodeMessage(register=self._registration()))
        self._start(self._read, responses)
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
        self._outgoing.put(pb.NodeMessage(enter_barrier=pb.EnterBarrier(number=number)))
        if not self._wait(lambda: number in self._barrier_answers, self.settings.barrier_timeout + 5):
            raise MXNetError(f"Waited {self.settings.barrier_timeout:g} s (MXTRAIN_BARRIER_TIMEOUT) in a barrier.")
        answer = self._barrier_answers.pop(number, self.failure or "")
        if answer:
            raise MXNetError(answer)

    def finish(self) -> None:
        """Say goodbye: this node has done its part. Waits for the answer, but not for long."""
        self._outgoing.put(pb.NodeMessage(finish=pb.Finish()))
        if not self._wait(lambda: self._goodbye, self.settings.end_timeout):
            _log.warning("the scheduler did not answer the goodbye within %g s", self.settings.end_timeout)
        self.close()

    def fail(self, reason: str) -> None:
        """Tell everybody that this node cannot go on."""
        self._outgoing.put(pb.NodeMessage(fail=pb.Fail(reason=reason[:2000])))
        self._wait(lambda: self.failure is not None, 1.0)
        self.close()

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
        settings = self.settings
        address, key = settings.scheduler_address, settings.cluster_key
        if key is None:
            channel = grpc.insecure_channel(address, _OPTIONS)
        else:
            channel = grpc.secure_channel(address, channel_credentials(key), _OPTIONS)
        try:
            grpc.channel_ready_future(channel).result(settings.connect_timeout)
        except grpc.FutureTimeoutError as error:
            channel.close()
            raise self._silence() from error
        return channel

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
        )

    def _requests(self) -> Iterator[pb.NodeMessage]:
        while (message := self._outgoing.get()) is not None:
            yield message

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"scheduler {target.__name__}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _beat(self) -> None:
        while not self._closing.wait(self._heartbeat_interval):
            self._outgoing.put(pb.NodeMessage(heartbeat=pb.Heartbeat()))

    def _read(self, responses: Iterator[pb.SchedulerMessage]) -> None:
        try:
            for message in responses:
                with self._changed:
                    self._take(message)
                    self._changed.notify_all()
        except grpc.RpcError as error:
            _log.debug("the stream to the scheduler broke: %r", error)
        with self._changed:
            if not self._goodbye and self.failure is None and not self._closing.is_set():
                self.failure = (
                    f"The scheduler (at {self.settings.scheduler_address}) is gone: its connection broke. "
                    "Start the job again; load_checkpoint takes up its last checkpoint."
                )
            self._changed.notify_all()

    def _take(self, message: pb.SchedulerMessage) -> None:
        kind = message.WhichOneof("body")
        if kind == "welcome":
            self.rank, self._heartbeat_interval = message.welcome.rank, message.welcome.heartbeat_interval
        elif kind == "refused":
            self._refusal = message.refused.reason
        elif kind == "view":
            self.view = message.view
        elif kind == "barrier_released":
            self._barrier_answers[message.barrier_released.number] = ""
        elif kind == "barrier_failed":
            self._barrier_answers[message.barrier_failed.number] = message.barrier_failed.reason
        elif kind == "goodbye":
            self._goodbye = True
        elif kind == "end_of_job":
            self.job_has_ended = True
        elif kind == "abort":
            self.failure = message.abort.reason

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
