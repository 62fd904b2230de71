"""`ZmqChannel`: a worker's connections to all servers, one ZeroMQ DEALER each."""

from __future__ import annotations

from typing import Any

import numpy as np
import zmq

from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.transport.curve import secure_client
from mxtrain_kvstore.wire.codec import MAX_PAYLOAD_BYTES, decode, encode


class ZmqChannel:
    """Connections to servers at `endpoints` (as "tcp://host:port"), in the order of their ranks.

    node: this node's name, under which servers know the connection. cluster_key: None on loopback. close_timeout:
    seconds that closing may take to deliver what was sent.
    """

    def __init__(self, endpoints: list[str], node: str, cluster_key: str | None, close_timeout: float) -> None:
        self.num_servers = len(endpoints)
        self.context = zmq.Context(io_threads=1)
        self._close_timeout = close_timeout
        self._poller = zmq.Poller()
        self._sockets = [self._connect(endpoint, node, cluster_key) for endpoint in endpoints]
        self._number = {socket: number for number, socket in enumerate(self._sockets)}

    def _connect(self, endpoint: str, node: str, cluster_key: str | None) -> zmq.Socket:
        socket = self.context.socket(zmq.DEALER)
        socket.routing_id = node.encode()
        socket.sndhwm = socket.rcvhwm = 0  # what is under way is bounded by rounds, not by messages
        socket.maxmsgsize = MAX_PAYLOAD_BYTES
        socket.ipv6 = True
        if cluster_key is not None:
            secure_client(socket, cluster_key)
        socket.connect(endpoint)
        self._poller.register(socket, zmq.POLLIN)
        return socket

    def send(self, server: int, message: Any, payload: np.ndarray | None = None) -> None:
        """Send a message; its payload may be changed as soon as this returns."""
        socket = self._sockets[server]
        if payload is None:
            socket.send(encode(message))
            return
        socket.send(encode(message), zmq.SNDMORE)
        socket.send(payload.data)

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
        return Incoming(self._number[socket], decode(frames[0].buffer), payload)

    def close(self, deliver: bool = True) -> None:
        """Deliver what was sent, within the time for closing, and give the sockets back."""
        self.context.destroy(linger=int(self._close_timeout * 1000) if deliver else 0)
