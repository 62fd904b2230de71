"""`GrpcListener`: the streams that workers and other servers open to this one, on an event loop with its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any

import grpc

from mxtrain.base import MXNetError
from mxtrain_kvstore.network import in_url, node_host, require_key_beyond_loopback
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.grpc_connection import GREETING_TIME, STRANGERS_LEAVE
from mxtrain_kvstore.transport.grpc_frames import MAX_NAME, METHOD, NAME_KEY, SERVICE, pack, stream_options, unpack
from mxtrain_kvstore.transport.tls import server_credentials
from mxtrain_kvstore.wire.codec import WireError
from mxtrain_server.transport.data_plane import Arrival
from mxtrain_server.transport.inbox import Inbox

#: Streams of one connection; a node opens one. Streams in all.
_STREAMS_OF_ONE = 8
_MOST_STREAMS = 1 << 14
#: Bytes of answers that may wait for a node before nothing more is taken from it.
_MOST_UNSENT = 1 << 26
#: Problems that may wait to be told.
_MOST_PROBLEMS = 10_000
#: Seconds for what the thread of this module is asked.
_TIMEOUT = 30.0


class GrpcListener:
    """Hands messages over to its `inbox`, and sends answers. `endpoint`: where it is reached.

    Everything but the coroutines is called by the thread of the server's own loop. Raises MXNetError where the address
    cannot be had.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        self.inbox = Inbox(self._tell_of_room)
        self._streams: dict[str, _Stream] = {}
        self._problems: deque[str] = deque()
        self._loop = asyncio.new_event_loop()
        self._room = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="grpc streams", daemon=True)
        self._thread.start()
        try:
            self.endpoint = self._do(self._listen(settings))
        except BaseException:
            self._end_loop()
            raise

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT)

    async def _listen(self, settings: ClusterSettings) -> str:
        host, key = node_host(settings), settings.cluster_key
        require_key_beyond_loopback(host, key)
        options = (
            ("grpc.so_reuseport", 0),
            ("grpc.max_concurrent_streams", _STREAMS_OF_ONE),
            *STRANGERS_LEAVE,
            *stream_options(settings.heartbeat_timeout),
        )
        self._server = grpc.aio.server(options=options, maximum_concurrent_rpcs=_MOST_STREAMS)
        handler = grpc.stream_stream_rpc_method_handler(self._exchange)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
        address = f"{in_url(host)}:0"
        try:
            if key is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, server_credentials(key))
        except RuntimeError as error:
            raise MXNetError(
                f"Expected: to listen on {host}. Received: {error}. Set DMLC_NODE_HOST to an address of this host."
            ) from error
        await self._server.start()
        return f"grpc://{in_url(host)}:{port}"

    # ---------------------------------------------------------------- from the server's loop

    def send(self, connection: str, frames: Sequence[Any], lasting: bool) -> bool:
        """Send by a stream; False where it has ended. lasting: the frames stay as they are."""
        stream = self._streams.get(connection)
        if stream is None:
            return False
        stream.add(frames if lasting else [pack(frames)], packed=not lasting)
        return True

    def _tell_of_room(self) -> None:
        """Streams may hand over messages again."""
        self._loop.call_soon_threadsafe(self._room.set)

    def drop(self, what: str) -> None:
        """Something came that made no sense; from any thread."""
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(what)

    def dropped(self) -> list[str]:
        """What has made no sense since the last call."""
        return [self._problems.popleft() for _ in range(len(self._problems))]

    def close(self) -> None:
        """End all streams; what was sent goes out first, within a second."""
        self._do(self._stop())
        self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT)
        self._loop.close()

    # ---------------------------------------------------------------- on the event loop

    async def _stop(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(stream.sent() for stream in self._streams.values())), 1.0)
        await self._server.stop(None)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            await asyncio.wait(rest, timeout=1.0)  # the ends of streams

    async def _exchange(self, _: Any, context: grpc.aio.ServicerContext) -> None:
        """The life of one stream."""
        name = str(dict(context.invocation_metadata() or ()).get(NAME_KEY, ""))
        if not 0 < len(name) <= MAX_NAME:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Expected: a name of the connection.")
        if name in self._streams:
            self.drop("a stream whose name is in use")
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, "This name is in use.")
        stream = self._streams[name] = _Stream(self._loop)
        writer = asyncio.create_task(stream.write(context))
        try:
            await self._read(name, stream, context)
            await stream.sent()
        finally:
            del self._streams[name]
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)  # where the node is gone it has failed, too

    async def _read(self, name: str, stream: _Stream, context: grpc.aio.ServicerContext) -> None:
        try:
            data = await asyncio.wait_for(context.read(), GREETING_TIME)
        except asyncio.TimeoutError:
            self.drop("a stream on which nothing came")
            return
        while isinstance(data, bytes):
            try:
                await self._hand_over(Arrival(name, unpack(data)))
            except WireError as error:
                self.drop(f"a message: {error}")
            await stream.sent(_MOST_UNSENT)
            data = await context.read()

    async def _hand_over(self, arrival: Arrival) -> None:
        """Put a message into the inbox as soon as there is room; until then nothing more is read."""
        while True:
            self._room.clear()
            if self.inbox.offer(arrival):
                return
            await self._room.wait()


class _Stream:
    """What waits to be sent by one stream."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[Sequence[Any], bool, int]] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._is_told = self._has_ended = False
        self._added = 0  # bytes; only the server's loop changes it
        self._written = 0  # bytes; only the event loop does

    def add(self, frames: Sequence[Any], packed: bool) -> None:
        """Send frames, or one message that is ready to be sent; from the server's loop."""
        size = sum(map(len, frames))
        self._added += size
        self._waiting.append((frames, packed, size))
        if not self._is_told:
            self._is_told = True
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_told = False
        self._filled.set()

    async def write(self, context: grpc.aio.ServicerContext) -> None:
        """Send what comes, until that fails."""
        try:
            while True:
                self._filled.clear()
                while self._waiting:
                    frames, packed, size = self._waiting.popleft()
                    await context.write(frames[0] if packed else pack(frames))
                    self._written += size
                    self._emptied.set()
                await self._filled.wait()
        finally:
            self._has_ended = True
            self._emptied.set()

    async def sent(self, all_but: int = 0) -> None:
        """Return when no more than so many bytes wait to be sent, or nothing can be any more."""
        while not self._has_ended and self._added - self._written > all_but:
            self._emptied.clear()
            await self._emptied.wait()
