"""`GrpcPlane`: a server's data plane over gRPC streams, which an event loop on a thread of its own attends to."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.grpc_frames import pack, unpack
from mxtrain_kvstore.transport.grpc_stream import GrpcStream
from mxtrain_kvstore.wire.codec import WireError
from mxtrain_server.transport.data_plane import Arrival
from mxtrain_server.transport.grpc_listener import GrpcListener

#: Messages that are taken before other things get their turn.
_AT_A_TIME = 256


class GrpcPlane:
    """See DataPlane. The name of a connection is its stream's."""

    def __init__(self, settings: ClusterSettings, name: str, hello: bytes, dropped: Callable[[str], None]) -> None:
        self._name = name
        self._hello = pack([hello])
        self._key = settings.cluster_key
        self._alive = settings.heartbeat_timeout
        self._dropped = dropped
        self._numbers = itertools.count(1)
        self._endpoints: Mapping[str, str] = {}
        self._servers: dict[str, GrpcStream] = {}
        self._listener = GrpcListener(settings)
        self._inbox = self._listener.inbox
        self.endpoint = self._listener.endpoint

    def wake(self) -> None:
        """Let `wait` return at once; from any thread."""
        self._inbox.wake()

    def wait(self, timeout: float) -> None:
        """Return when something has come, or after `timeout` seconds."""
        self._inbox.wait(timeout)
        for what in self._listener.dropped():
            self._dropped(what)

    def arrivals(self) -> Iterator[Arrival]:
        """What has come by the streams that others have opened."""
        yield from self._inbox.arrivals(_AT_A_TIME)

    def answers(self) -> Iterator[Arrival]:
        """What has come by the streams that this server has opened."""
        yield from self._inbox.answers()

    def send(self, connection: str, frames: Sequence[Any], lasting: bool) -> bool:
        """Send by a stream that another has opened; False where it has ended."""
        return self._listener.send(connection, frames, lasting)

    def send_to_server(self, name: str, frames: Sequence[Any], lasting: bool) -> None:
        """Send by the stream to a server."""
        if name in self._endpoints:
            (self._servers.get(name) or self._connect(name)).send(pack(frames))

    def set_servers(self, endpoints: Mapping[str, str]) -> None:
        """Where other servers are reached now; streams to any others end."""
        self._endpoints = endpoints
        for name in [name for name in self._servers if name not in endpoints]:
            threading.Thread(target=self._servers.pop(name).close, name=f"end of {name}", daemon=True).start()

    def _connect(self, name: str) -> GrpcStream:
        stream = self._servers[name] = GrpcStream(
            self._endpoints[name],
            self._key,
            lambda: f"{self._name}:{next(self._numbers)}",
            lambda data: self._answered(name, data),
            self._alive,
        )
        stream.open(self._hello)
        return stream

    def _answered(self, name: str, data: bytes) -> None:
        try:
            self._inbox.answer(Arrival(name, unpack(data)))
        except WireError as error:
            self._listener.drop(f"a message of server {name}: {error}")

    def close(self) -> None:
        """End all streams; what was sent goes out first, within a second."""
        end = time.monotonic() + 1.0
        for stream in self._servers.values():
            stream.finish()
        for stream in self._servers.values():
            stream.close(end - time.monotonic())
        self._listener.close()
