"""The scheduler's gRPC service: streams of nodes around `SchedulerState`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import grpc
from google.protobuf.message import DecodeError, Message

from mxtrain.base import MXNetError
from mxtrain_kvstore.network import in_url, require_key_beyond_loopback
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.grpc_connection import GREETING_TIME, STRANGERS_LEAVE
from mxtrain_kvstore.transport.tls import server_credentials
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.metrics.exporter import start_exporter
from mxtrain_server.metrics.scheduler_metrics import SchedulerMetrics
from mxtrain_server.scheduler.actions import Action, Close, Log, Send, Stop
from mxtrain_server.scheduler.scheduler_state import SchedulerState

_log = logging.getLogger("mxtrain.scheduler")

#: Seconds between looks at deadlines; after so many more this process was stopped.
_TICK = 0.25
_STOPPED = 2.0
#: Seconds that a reader of metrics waits for the loop.
_STATUS_TIMEOUT = 5.0
#: Most bytes of one message.
_MAX_MESSAGE = 1 << 20
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # else a second scheduler could take the same port unnoticed
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 500),  # nodes look whether we are there
    ("grpc.http2.max_ping_strikes", 0),
    *STRANGERS_LEAVE,
)


class SchedulerService:
    """Carries events to the state and its actions to the nodes."""

    def __init__(self, state: SchedulerState) -> None:
        self.state = state
        self.dropped = 0
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._ticked = time.monotonic()
        self._queues: dict[str, asyncio.Queue[pb.SchedulerMessage | None]] = {}

    # ---------------------------------------------------------------- actions

    def carry_out(self, actions: list[Action]) -> None:
        """Do what the state says."""
        for action in actions:
            if isinstance(action, Send) and action.node in self._queues:
                if action.message.HasField("welcome"):
                    action.message.welcome.time = time.time()
                self._queues[action.node].put_nowait(action.message)
            elif isinstance(action, Close) and action.node in self._queues:
                self._queues[action.node].put_nowait(None)
            elif isinstance(action, Log):
                if action.problem:
                    self.state.reports.add_problem(action.text, time.monotonic())
                _log.log(logging.ERROR if action.problem else logging.INFO, "scheduler: %s", action.text)
            elif isinstance(action, Stop) and not self.code.done():
                self.code.set_result(action.code)

    async def tick(self) -> None:
        """Let the state look at the clock, for ever."""
        while True:
            await asyncio.sleep(_TICK)
            self._notice_sleep()
            self.carry_out(self.state.tick(time.monotonic()))

    def _notice_sleep(self) -> None:
        """Before nodes are judged: what they sent while this process was stopped may not have been read."""
        before, self._ticked = self._ticked, time.monotonic()
        if self._ticked - before > _TICK + _STOPPED:
            self.carry_out(self.state.slept(self._ticked - before, self._ticked))

    # ---------------------------------------------------------------- calls

    async def attend(
        self, requests: AsyncIterator[pb.NodeMessage | None], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.SchedulerMessage]:
        """One node's stream."""
        first = await _first(requests)
        if first is None or not first.HasField("register"):
            self.dropped += 1
            return
        node = first.register.node
        if node in self._queues:
            if not first.register.again:
                self.dropped += 1
                return
            self._queues[node].put_nowait(None)  # a connection that the node has left, which we have not heard of yet
        answers = self._queues[node] = asyncio.Queue()
        reader = asyncio.create_task(self._read(node, requests))
        reader.add_done_callback(partial(self._reading_ended, node, answers))
        try:
            self.carry_out(self.state.register(first.register, time.monotonic()))
            while (answer := await answers.get()) is not None:
                yield answer
        finally:
            reader.cancel()
            if self._queues.get(node) is answers:
                del self._queues[node]
                self._notice_sleep()
                self.carry_out(self.state.disconnected(node, time.monotonic()))

    async def _read(self, node: str, requests: AsyncIterator[pb.NodeMessage | None]) -> None:
        """Take a node's messages until its stream ends."""
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for message in requests:
                self.carry_out(self._take(node, message, time.monotonic()))

    def _reading_ended(
        self, node: str, answers: asyncio.Queue[pb.SchedulerMessage | None], reader: asyncio.Task[None]
    ) -> None:
        """A node's stream has ended, or a mistake of ours ends it; so does our side of it."""
        if not reader.cancelled() and reader.exception() is not None:
            _log.error("scheduler: what node %s said was not carried out", node, exc_info=reader.exception())
        answers.put_nowait(None)

    def _take(self, node: str, message: pb.NodeMessage | None, now: float) -> list[Action]:
        kind = None if message is None else message.WhichOneof("body")
        if message is None or kind in (None, "register"):
            self.dropped += 1
            return []
        if kind == "heartbeat":
            counters = message.heartbeat.counters if message.heartbeat.HasField("counters") else None
            return self.state.heartbeat(node, now, counters)
        if kind == "enter_barrier":
            return self.state.enter_barrier(node, message.enter_barrier.number, now)
        if kind == "finish":
            return self.state.finish(node, now)
        if kind == "synced":
            return self.state.synced(node, message.synced.shard, message.synced.node, now)
        if kind == "handed_over":
            return self.state.handed_over(node, message.handed_over, now)
        if kind == "can_stop":
            return self.state.can_stop(node, message.can_stop, now)
        if kind == "ask_stop":
            return self.state.ask_stop(node, message.ask_stop.reason[:2000], now)
        if kind == "at_step":
            return self.state.at_step(node, message.at_step.step, now)
        if kind == "stopped":
            return self.state.stopped(node, now)
        return self.state.fail(node, message.fail.reason, now)

    async def status(
        self, request: pb.StatusRequest | None, context: grpc.aio.ServicerContext | None = None
    ) -> pb.StatusReply:
        """What the job looks like."""
        reply = self.state.status(time.monotonic())
        reply.dropped_messages = self.dropped
        return reply

    def handlers(self) -> grpc.GenericRpcHandler:
        """The service as gRPC wants it; messages that cannot be decoded arrive as None instead of ending a stream."""
        attend = grpc.stream_stream_rpc_method_handler(
            self.attend, _decoder(pb.NodeMessage), pb.SchedulerMessage.SerializeToString
        )
        status = grpc.unary_unary_rpc_method_handler(
            self.status, _decoder(pb.StatusRequest), pb.StatusReply.SerializeToString
        )
        name = pb.DESCRIPTOR.services_by_name["Scheduler"].full_name
        return grpc.method_handlers_generic_handler(name, {"Attend": attend, "Status": status})


async def _first(requests: AsyncIterator[pb.NodeMessage | None]) -> pb.NodeMessage | None:
    """A node's first message; None where none comes in time."""
    try:
        return await asyncio.wait_for(anext(aiter(requests), None), GREETING_TIME)
    except asyncio.TimeoutError:
        return None


def _decoder(kind: type[Message]) -> Callable[[bytes], Message | None]:
    def decode(data: bytes) -> Message | None:
        try:
            return kind.FromString(data)
        except DecodeError:
            return None

    return decode


async def serve_scheduler(
    state: SchedulerState,
    settings: ClusterSettings,
    stop: asyncio.Event,
    listen: Callable[[Callable[[], None]], None] = lambda told: None,
) -> int:
    """Run the scheduler until its job ends, or `stop` is set; returns the exit code.

    listen: called with a function that is to be called when the scheduler is told to end, some time before `stop`.
    Raises MXNetError where the port cannot be had.
    """
    service = SchedulerService(state)
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((service.handlers(),))
    _bind(server, settings)
    loop = asyncio.get_running_loop()
    metrics = SchedulerMetrics(partial(_ask, service, loop))
    exporter = start_exporter(metrics, settings, "scheduler", 0)
    await server.start()
    listen(lambda: service.carry_out(state.told_to_end(time.monotonic())))
    ticking = asyncio.create_task(service.tick())
    interruption = asyncio.create_task(stop.wait())
    ends: set[asyncio.Future] = {service.code, interruption}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        service.carry_out(state.interrupt(time.monotonic()))
    await server.stop(grace=1.0)
    if exporter is not None:
        await asyncio.to_thread(exporter.close)
    for task in (ticking, interruption):
        task.cancel()
    return await service.code


def _ask(service: SchedulerService, loop: asyncio.AbstractEventLoop) -> pb.StatusReply:
    """The status, from another thread than the loop's."""
    return asyncio.run_coroutine_threadsafe(service.status(None), loop).result(_STATUS_TIMEOUT)


def _bind(server: grpc.aio.Server, settings: ClusterSettings) -> int:
    """Listen on this node's own address, or that by which others reach it where it has none; returns the port."""
    host, key = settings.node_host or settings.scheduler_host or "", settings.cluster_key
    address = f"{in_url(host)}:{settings.scheduler_port}"
    require_key_beyond_loopback(host, key)
    try:
        if key is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, server_credentials(key))
    except RuntimeError as error:
        raise _cannot_listen(host, settings) from error
    if port == 0:
        raise _cannot_listen(host, settings)
    return port


def _cannot_listen(host: str, settings: ClusterSettings) -> MXNetError:
    return MXNetError(
        f"The scheduler cannot listen on {host}: port {settings.scheduler_port} may be in use by another process, or "
        "the address be another host's. End that process, or set another DMLC_PS_ROOT_PORT (or DMLC_PS_ROOT_URI) on "
        "all nodes."
    )
