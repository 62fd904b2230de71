"""The parameter server's ZeroMQ ROUTER around `ServerState`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import zmq
from zmq.utils.monitor import recv_monitor_message

from mxtrain.base import MXNetError
from mxtrain_kvstore.network import in_url, node_host, require_key_beyond_loopback
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.curve import Gatekeeper, secure_server
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import MAX_PAYLOAD_BYTES, WireError, decode, encode
from mxtrain_server.parameters.server_state import Answer, ServerState

_log = logging.getLogger("mxtrain.server")

#: Answers of at least so many bytes are sent from where they lie, without a copy.
ZERO_COPY_BYTES = 1 << 17
_HANDSHAKE_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class ParameterService:
    """Listens, decodes, lets the state answer, and sends what it says. `endpoint`: where workers reach it.

    dropped: messages and connections that made no sense.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        self.dropped = 0
        self.state: ServerState | None = None
        self._peers: dict[bytes, int] = {}
        self._identity: dict[int, bytes] = {}
        self._context = zmq.Context(io_threads=1)
        self._socket = self._context.socket(zmq.ROUTER)
        key = settings.cluster_key
        self._gatekeeper = None if key is None else Gatekeeper(self._context, key)
        self.endpoint = self._listen(settings)
        self._monitor = self._socket.get_monitor_socket(_HANDSHAKE_FAILED)
        self._poller = zmq.Poller()
        for socket in (self._socket, self._monitor):
            self._poller.register(socket, zmq.POLLIN)
        if self._gatekeeper is not None:
            self._poller.register(self._gatekeeper.socket, zmq.POLLIN)

    def _listen(self, settings: ClusterSettings) -> str:
        host = node_host(settings)
        require_key_beyond_loopback(host, settings.cluster_key)
        socket = self._socket
        socket.sndhwm = socket.rcvhwm = 0
        socket.maxmsgsize = MAX_PAYLOAD_BYTES
        socket.router_mandatory = True  # sending to a worker that is gone is an error, not silence
        socket.handshake_ivl = 5000
        socket.ipv6 = True
        if settings.cluster_key is not None:
            secure_server(socket, settings.cluster_key)
        try:
            socket.bind(f"tcp://{in_url(host)}:*")
        except zmq.ZMQError as error:
            raise MXNetError(
                f"Expected: to listen on {host}. Received: {error}. Set DMLC_NODE_HOST to an address of this host."
            ) from error
        endpoint = socket.getsockopt(zmq.LAST_ENDPOINT)
        return endpoint.decode() if isinstance(endpoint, bytes) else str(endpoint)

    # ---------------------------------------------------------------- loop

    def serve(self, state: ServerState, ended: Callable[[], bool], poll: float) -> None:
        """Answer messages until `ended`, which is asked at least every `poll` seconds."""
        self.state = state
        while not ended():
            ready = dict(self._poller.poll(int(poll * 1000)))
            if self._gatekeeper is not None and self._gatekeeper.socket in ready:
                self._gatekeeper.answer()
            if self._monitor in ready:
                event = recv_monitor_message(self._monitor)
                self._drop(f"a connection whose handshake failed (event {int(event['event'])})")
            if self._socket in ready:
                self._take_all()

    def _take_all(self) -> None:
        """Take what has come; enough at a time that `ended` is asked now and then."""
        for _ in range(256):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            self._take(frames)

    def _take(self, frames: list[zmq.Frame]) -> None:
        identity = frames[0].bytes
        try:
            if not 2 <= len(frames) <= 3:
                raise WireError(f"Expected: a header and at most one payload. Received: {len(frames) - 1} frames.")
            message = decode(frames[1].buffer)
        except WireError as error:
            self._drop(f"a message: {error}")
            return
        if isinstance(message, m.Hello):
            self._greet(identity, message)
        elif identity in self._peers and self.state is not None:
            payload = np.frombuffer(frames[2].buffer, np.uint8) if len(frames) == 3 else None
            for answer in self.state.receive(self._peers[identity], message, payload):
                self._answer(answer)
        else:
            self._drop(f"a {type(message).__name__} of a node that has not said hello")

    def _greet(self, identity: bytes, hello: m.Hello) -> None:
        if self.state is None:
            return
        refusal = self.state.greet(hello)
        if refusal is not None:
            self._drop(f"a hello: {refusal}")
            self._send(identity, m.Refused(0, refusal), None, False)
            return
        self._peers[identity] = hello.rank
        self._identity[hello.rank] = identity
        self._send(identity, m.Welcome(self.state.rank), None, False)

    def _answer(self, answer: Answer) -> None:
        identity = self._identity.get(answer.rank)
        if identity is not None:
            self._send(identity, answer.message, answer.payload, answer.lasting)

    def _send(self, identity: bytes, message: Any, payload: np.ndarray | None, lasting: bool) -> None:
        try:
            self._socket.send(identity, zmq.SNDMORE)
            if payload is None:
                self._socket.send(encode(message))
                return
            self._socket.send(encode(message), zmq.SNDMORE)
            payload = payload.view(np.uint8)  # the buffer protocol does not know every element type
            if lasting and payload.nbytes >= ZERO_COPY_BYTES:
                self._socket.send(payload.data, copy=False)
            else:
                self._socket.send(payload.data)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._drop("an answer for a worker that is gone")

    def _drop(self, what: str) -> None:
        self.dropped += 1
        if self.dropped <= 10 or self.dropped % 1000 == 0:
            _log.warning("dropped %s (%d so far)", what, self.dropped)

    def close(self) -> None:
        """Give the sockets back; what was sent goes out first, within a second."""
        self._socket.disable_monitor()
        if self._gatekeeper is not None:
            self._gatekeeper.close()
        self._context.destroy(linger=1000)
