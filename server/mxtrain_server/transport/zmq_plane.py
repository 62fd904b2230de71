"""`ZmqPlane`: a server's data plane over ZeroMQ: a ROUTER that listens, and a DEALER to each server with copies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from mxtrain.base import MXNetError
from mxtrain_kvstore.network import in_url, node_host, require_key_beyond_loopback
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.curve import Gatekeeper, secure_client, secure_server
from mxtrain_kvstore.transport.zmq_silence import notice_silence
from mxtrain_kvstore.wire.codec import MAX_PAYLOAD_BYTES
from mxtrain_server.transport.data_plane import ZERO_COPY_BYTES, Arrival

_HANDSHAKE_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
#: Messages that are taken before other things get their turn.
_AT_A_TIME = 256
#: Milliseconds that a stranger has to say who it is.
_HANDSHAKE_TIME = 5000


class ZmqPlane:
    """See DataPlane. The name of a connection is its routing id."""

    def __init__(self, settings: ClusterSettings, name: str, hello: bytes, dropped: Callable[[str], None]) -> None:
        self._name = name
        self._hello = hello
        self._dropped = dropped
        self._key = settings.cluster_key
        self._patience = settings.heartbeat_timeout
        self._connected = 0
        self._endpoints: Mapping[str, str] = {}
        self._servers: dict[str, zmq.Socket] = {}
        self._context = zmq.Context(io_threads=1)
        self._socket = self._context.socket(zmq.ROUTER)
        self._gatekeeper = None if self._key is None else Gatekeeper(self._context, self._key)
        self.endpoint = self._listen(node_host(settings))
        self._monitor = self._socket.get_monitor_socket(_HANDSHAKE_FAILED)
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poller = zmq.Poller()
        for socket in (self._socket, self._monitor, self._wake_reader):
            self._poller.register(socket, zmq.POLLIN)
        if self._gatekeeper is not None:
            self._poller.register(self._gatekeeper.socket, zmq.POLLIN)
        self._ready: dict[Any, int] = {}

    def _listen(self, host: str) -> str:
        require_key_beyond_loopback(host, self._key)
        socket = self._socket
        socket.sndhwm = socket.rcvhwm = 0
        socket.maxmsgsize = MAX_PAYLOAD_BYTES
        socket.router_mandatory = True  # sending to a worker that is gone is an error, not silence
        # who connects anew may come before the end of the last connection is known
        socket.router_handover = True
        socket.handshake_ivl = _HANDSHAKE_TIME
        socket.ipv6 = True
        if self._key is not None:
            secure_server(socket, self._key)
        try:
            socket.bind(f"tcp://{in_url(host)}:*")
        except zmq.ZMQError as error:
            raise MXNetError(
                f"Expected: to listen on {host}. Received: {error}. Set DMLC_NODE_HOST to an address of this host."
            ) from error
        endpoint = socket.getsockopt(zmq.LAST_ENDPOINT)
        return endpoint.decode() if isinstance(endpoint, bytes) else str(endpoint)

    def wake(self) -> None:
        """Let `wait` return at once; from any thread."""
        try:
            os.write(self._wake_writer, b"x")
        except BlockingIOError:
            return  # it has enough to wake up from

    def wait(self, timeout: float) -> None:
        """Return when something has come, or after `timeout` seconds; strangers are seen to meanwhile."""
        ready = self._ready = dict(self._poller.poll(int(timeout * 1000)))
        if self._gatekeeper is not None and self._gatekeeper.socket in ready:
            self._gatekeeper.answer()
        if self._monitor in ready:
            event = recv_monitor_message(self._monitor)
            self._dropped(f"a connection whose handshake failed (event {int(event['event'])})")
        if self._wake_reader in ready:
            os.read(self._wake_reader, 4096)

    def arrivals(self) -> Iterator[Arrival]:
        """What has come to the ROUTER."""
        if self._socket not in self._ready:
            return
        for _ in range(_AT_A_TIME):
            frames = _taken(self._socket)
            if frames is None:
                return
            yield Arrival(frames[0].bytes.decode("latin-1"), [frame.buffer for frame in frames[1:]])

    def answers(self) -> Iterator[Arrival]:
        """What has come to the DEALERs."""
        for name, socket in list(self._servers.items()):
            if socket in self._ready:
                while (frames := _taken(socket)) is not None:
                    yield Arrival(name, [frame.buffer for frame in frames])

    def send(self, connection: str, frames: Sequence[Any], lasting: bool) -> bool:
        """Send by the ROUTER; False where nobody of that routing id is connected."""
        try:
            self._socket.send(connection.encode("latin-1"), zmq.SNDMORE)
            _send(self._socket, frames, lasting)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return False
        return True

    def send_to_server(self, name: str, frames: Sequence[Any], lasting: bool) -> None:
        """Send by the server's DEALER."""
        if name in self._endpoints:
            _send(self._servers.get(name) or self._connect(name), frames, lasting)

    def set_servers(self, endpoints: Mapping[str, str]) -> None:
        """Where other servers are reached now; connections to any others end."""
        self._endpoints = endpoints
        for name in [name for name in self._servers if name not in endpoints]:
            socket = self._servers.pop(name)
            self._poller.unregister(socket)
            socket.close(linger=0)

    def _connect(self, name: str) -> zmq.Socket:
        socket = self._servers[name] = self._context.socket(zmq.DEALER)
        self._connected += 1
        socket.routing_id = f"{self._name}:{self._connected}".encode()
        socket.sndhwm = socket.rcvhwm = 0  # what is under way is bounded by the workers' rounds
        socket.maxmsgsize = MAX_PAYLOAD_BYTES
        socket.ipv6 = True
        notice_silence(socket, self._patience)
        if self._key is not None:
            secure_client(socket, self._key)
        socket.connect(self._endpoints[name])
        self._poller.register(socket, zmq.POLLIN)
        socket.send(self._hello)
        return socket

    def close(self) -> None:
        """Give the sockets back; what was sent goes out first, within a second."""
        self._socket.disable_monitor()
        if self._gatekeeper is not None:
            self._gatekeeper.close()
        self._context.destroy(linger=1000)
        for descriptor in (self._wake_reader, self._wake_writer):
            os.close(descriptor)


def _taken(socket: zmq.Socket) -> list[zmq.Frame] | None:
    """The frames of the next message; None where there is none."""
    try:
        return socket.recv_multipart(zmq.NOBLOCK, copy=False)
    except zmq.Again:
        return None


def _send(socket: zmq.Socket, frames: Sequence[Any], lasting: bool) -> None:
    for frame in frames[:-1]:
        socket.send(frame, zmq.SNDMORE)
    last = frames[-1]
    socket.send(last, copy=not lasting or len(last) < ZERO_COPY_BYTES)
