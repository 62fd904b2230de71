"""`ZmqChannel`: a worker's connections to all servers, one ZeroMQ DEALER each."""

from __future__ import annotations

from typing import Any

import numpy as np
import zmq

from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.network import address_of
from mxtrain_kvstore.transport.curve import secure_client
from mxtrain_kvstore.transport.zmq_silence import notice_silence
from mxtrain_kvstore.wire.codec import MAX_PAYLOAD_BYTES, decode_frame, encode_frame

#: Payloads of at least so many bytes are sent from where they lie, if they stay as they are.
_ZERO_COPY_BYTES = 1 << 17


class ZmqChannel:
    """Connections to servers at `endpoints` (as "tcp://host:port"), in the order of their ranks.

    node: this node's name; a connection's name is made of it. cluster_key: None on loopback. close_timeout: seconds
    that closing may take to deliver what was sent. patience: seconds of silence of a server's machine after which its
    connection is made anew.
    """

    def __init__(
        self, endpoints: list[str], node: str, cluster_key: str | None, close_timeout: float, patience: float
    ) -> None:
        self.num_servers = len(endpoints)
        self.context = zmq.Context(io_threads=1)
        self._close_timeout = close_timeout
        self._node = node
        self._cluster_key = cluster_key
        self._patience = patience
        self._connections = 0
        self._poller = zmq.Poller()
        self._sockets = [self._open(endpoint) for endpoint in endpoints]
        self._number = {socket: number for number, socket in enumerate(self._sockets)}

    def connect(self, server: int, endpoint: str) -> None:
        """Go on with another process as this server."""
        before = self._sockets[server]
        self._poller.unregister(before)
        del self._number[before]
        before.close(linger=0)
        socket = self._sockets[server] = self._open(endpoint)
        self._number[socket] = server

    def _open(self, endpoint: str) -> zmq.Socket:
        socket = self.context.socket(zmq.DEALER)
        self._connections += 1
        socket.routing_id = f"{self._node}:{self._connections}".encode()
        socket.sndhwm = socket.rcvhwm = 0  # what is under way is bounded by rounds, not by messages
        socket.maxmsgsize = MAX_PAYLOAD_BYTES
        socket.ipv6 = True
        notice_silence(socket, self._patience)
        if self._cluster_key is not None:
            secure_client(socket, self._cluster_key)
        socket.connect(f"tcp://{address_of(endpoint, 'tcp')}")
        self._poller.register(socket, zmq.POLLIN)
        return socket

    def send(
        self, server: int, message: Any, payload: np.ndarray | None = None, number: int = 0, lasting: bool = False
    ) -> None:
        """Send a message under its number. lasting: the payload stays as it is; else only until this returns."""
        socket = self._sockets[server]
        if payload is None:
            socket.send(encode_frame(number, message))
            return
        socket.send(encode_frame(number, message), zmq.SNDMORE)
        socket.send(payload.data, 0, copy=not lasting or payload.nbytes < _ZERO_COPY_BYTES)

    def receive(self, timeout: float) -> list[Incoming]:
        """What has come; waits for at most `timeout` seconds where nothing has."""
        found = []
        for socket, _ in self._poller.poll(int(timeout * 1000)):
            while (incoming := self._take(socket)) is not None:
                found.append(incoming)
        return found

    def _take(self, socket: zmq.Socket) -> Incoming | None:
        try:
            frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return None
        payload = np.frombuffer(frames[1].buffer, np.uint8) if len(frames) > 1 else None
        taken, message = decode_frame(frames[0].buffer)
        return Incoming(self._number[socket], message, payload, taken)

    def close(self, deliver: bool = True) -> None:
        """Deliver what was sent, within the time for closing, and give the sockets back."""
        self.context.destroy(linger=int(self._close_timeout * 1000) if deliver else 0)
