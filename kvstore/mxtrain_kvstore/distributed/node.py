"""`WorkerNode`: this process as a worker of its job; there is one at most."""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import sys
import threading
import weakref
from collections.abc import Callable
from typing import ClassVar

from mxtrain.base import MXNetError
from mxtrain_kvstore import tracing
from mxtrain_kvstore.distributed.client import ParameterClient
from mxtrain_kvstore.distributed.conversation import Conversation
from mxtrain_kvstore.distributed.flusher import Flusher
from mxtrain_kvstore.distributed.rows import RowClient
from mxtrain_kvstore.settings import ClusterSettings, read_settings
from mxtrain_kvstore.tracing import Traced
from mxtrain_kvstore.transport.channels import connect_to
from mxtrain_kvstore.transport.scheduler_client import SchedulerClient, routes_of
from mxtrain_kvstore.transport.shared_memory import SharedMemory
from mxtrain_kvstore.wire import messages as m
from mxtrain_protos import scheduler_pb2 as pb

_log = logging.getLogger("mxtrain")


def trace_worker(folder: str | None, rank: int, clock_offset: float) -> None:
    """Trace this worker's KVStore, where a folder is set. clock_offset: see SchedulerClient."""
    if folder:
        tracing.begin(folder, "worker", rank, TRACED, clock_offset)


class WorkerNode:
    """The connections of a worker to scheduler and servers. Making one joins the job; `close` leaves it in order.

    Raises MXNetError where the job cannot be joined.
    """

    _current: ClassVar[WorkerNode | None] = None
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings
        self.name = secrets.token_hex(8)
        self.scheduler = SchedulerClient(settings, self.name)
        self.shared = SharedMemory() if settings.shares_memory and SharedMemory.available() else None
        self.stores = 0
        self.before_goodbye: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._closed = False
        self._pid = os.getpid()
        try:
            self.rank = self.scheduler.register()
            view = self.scheduler.wait_for_view()
        except BaseException:
            self.scheduler.close()
            raise
        self.client = self._connect(view)
        self._flusher = Flusher(self.client)
        self.scheduler.on_change = self.client.wake_flusher

    @classmethod
    def current(cls) -> WorkerNode:
        """This process's node; joins the job that the environment describes where it has not yet."""
        with cls._lock:
            if cls._current is None:
                settings = read_settings(os.environ)
                settings.require_place()
                cls._current = cls(settings)
                trace_worker(settings.trace, cls._current.rank, cls._current.scheduler.clock_offset)
                atexit.register(cls._current.close)
            return cls._current

    def _connect(self, view: pb.View) -> RowClient:
        endpoints = [route.endpoint for route in routes_of(view).primaries]
        settings, scheduler = self.settings, self.scheduler
        channel = connect_to(endpoints, self.name, settings)
        client = RowClient(
            channel, self.rank, settings.wait_timeout, lambda: scheduler.failure, lambda: scheduler.routes
        )
        client.counters = scheduler.counters
        try:
            client.greet(self._hello, settings.connect_timeout)
        except BaseException:
            channel.close(deliver=False)
            self.scheduler.close()
            raise
        return client

    def _hello(self, server: int, epoch: int) -> m.Hello:
        return m.Hello(m.PROTOCOL, self.settings.job, self.name, self.rank, server, epoch)

    def open_store(self, mode: str, staleness: int = m.UNBOUNDED, backups: int = 0) -> int:
        """A new store of the job, "sync" or "async"; returns its number. Workers open stores in the same order."""
        number = self.stores
        self.stores += 1
        self.client.ask_all(m.OpenStore, number, mode, staleness, backups)
        return number

    def abandon(self, store: int) -> None:
        """Leave a store soon; for finalizers, which may run anywhere, in the middle of sending a message too."""
        self.client.abandoned.append(store)
        self.client.wake_flusher()

    def barrier(self) -> None:
        """Return when every worker has entered, and servers have taken what this worker pushed before.

        Meanwhile the others' rounds go on without this worker, so that who has more to push gets here, too.
        """
        self.client.fence()
        for store in range(self.stores):
            self.client.ask_all(m.Rest, store, self.scheduler.barriers + 1)
        with self.scheduler.counters.waiting():
            self.scheduler.barrier()
        for store in range(self.stores):
            self.client.settle_all(store)  # a pull that begins now shall bring what others did meanwhile

    def require_leader(self, what: str) -> None:
        """Raise MXNetError where worker 0 has died, who should have done something for all."""
        view = self.scheduler.view
        nodes = view.nodes if view is not None else ()
        if any(n.role == pb.ROLE_WORKER and n.rank == 0 and n.state == pb.NODE_STATE_LOST for n in nodes):
            raise MXNetError(f"Expected: worker 0 to do the {what} for all workers. Received: worker 0 has died.")

    def close(self) -> None:
        """Leave the job: in order, or telling everybody why this worker ends before its time."""
        if self._closed or os.getpid() != self._pid:  # a forked child has no part in the job
            return
        self._closed = True
        self._flusher.stop()
        error = _uncaught_error()
        try:
            if self.scheduler.failure is not None:
                self.scheduler.close()
            elif error is not None:
                self.scheduler.fail(error)
            else:
                self._say_goodbye()
        finally:
            # after a failure nobody may be there to take what was sent
            self.client.channel.close(deliver=self.scheduler.failure is None and error is None)
            if self.shared is not None:
                self.shared.close()

    def _say_goodbye(self) -> None:
        try:
            self.client.wait_timeout = self.settings.end_timeout
            for reference in self.before_goodbye:
                if (part := reference()) is not None:
                    part()
            self.client.ask_all(m.Farewell)
        except MXNetError as failure:
            _log.error("worker %d: %s", self.rank, failure)
            self.scheduler.fail(str(failure))
        else:
            self.scheduler.finish()


#: What a worker's trace shows of its KVStore.
TRACED = (
    Traced(ParameterClient, "push", "push"),
    Traced(ParameterClient, "pull", "pull"),
    Traced(ParameterClient, "push_again", "push"),
    Traced(ParameterClient, "pull_again", "pull"),
    Traced(RowClient, "push_rows", "push rows"),
    Traced(RowClient, "pull_rows", "pull rows"),
    Traced(Conversation, "_wait_until", "wait"),
    Traced(WorkerNode, "barrier", "barrier"),
)


def _uncaught_error() -> str | None:
    """The exception that ends this process, where one does."""
    error = getattr(sys, "last_value", None)
    return None if error is None else f"{type(error).__name__}: {error}"
