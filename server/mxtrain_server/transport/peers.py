"""`Peers`: connections from this server to those that hold copies of its shards."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import zmq

from mxtrain_kvstore.transport.curve import secure_client
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import MAX_PAYLOAD_BYTES, WireError, decode, encode, encode_frame

_log = logging.getLogger("mxtrain.server")

#: Payloads of at least so many bytes are sent from where they lie, without a copy.
ZERO_COPY_BYTES = 1 << 17


class Peers:
    """One ZeroMQ DEALER to each server that is sent something. endpoints: name of a server to where it is reached."""

    def __init__(self, context: zmq.Context, poller: zmq.Poller, hello: m.PeerHello, cluster_key: str | None) -> None:
        self.endpoints: Mapping[str, str] = {}
        self._context = context
        self._poller = poller
        self._hello = hello
        self._cluster_key = cluster_key
        self._sockets: dict[str, zmq.Socket] = {}

    def set_endpoints(self, endpoints: Mapping[str, str]) -> None:
        """Where servers are reached now; connections to others end."""
        self.endpoints = endpoints
        for name in [name for name in self._sockets if name not in endpoints]:
            socket = self._sockets.pop(name)
            self._poller.unregister(socket)
            socket.close(linger=0)

    def send(self, node: str, message: Any, command: Any, payload: np.ndarray | None) -> None:
        """Send a message to a server. command: a message that goes with it. payload: values that stay as they are."""
        if node not in self.endpoints:
            return  # the next view is without it
        socket = self._sockets.get(node) or self._connect(node)
        frames: list[Any] = [encode_frame(0, message)]
        if command is not None:
            frames.append(encode(command))
        if payload is None:
            socket.send_multipart(frames)
            return
        for frame in frames:
            socket.send(frame, zmq.SNDMORE)
        socket.send(payload.view(np.uint8).data, 0, copy=payload.nbytes < ZERO_COPY_BYTES)

    def _connect(self, node: str) -> zmq.Socket:
        socket = self._sockets[node] = self._context.socket(zmq.DEALER)
        socket.routing_id = f"server {self._hello.node}".encode()
        socket.sndhwm = socket.rcvhwm = 0  # what is under way is bounded by the workers' rounds
        socket.maxmsgsize = MAX_PAYLOAD_BYTES
        socket.ipv6 = True
        if self._cluster_key is not None:
            secure_client(socket, self._cluster_key)
        socket.connect(self.endpoints[node])
        self._poller.register(socket, zmq.POLLIN)
        socket.send(encode_frame(0, self._hello))
        return socket

    def receive(self, ready: Mapping[Any, int]) -> Iterator[tuple[str, Any]]:
        """(name, message) of what servers with copies say."""
        for name, socket in list(self._sockets.items()):
            if socket in ready:
                yield from ((name, message) for message in _taken(socket, name))


def _taken(socket: zmq.Socket, name: str) -> Iterator[Any]:
    while True:
        try:
            frames = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
        try:
            yield decode(frames[0])
        except WireError as error:
            _log.warning("server %s sent no message: %s", name, error)
            continue
