"""The parameter server's sockets around `ServerNode`: a ZeroMQ ROUTER, and `Peers` to servers with copies."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import zmq
from zmq.utils.monitor import recv_monitor_message

from mxtrain.base import MXNetError
from mxtrain_kvstore.counters import NodeCounters
from mxtrain_kvstore.network import in_url, node_host, require_key_beyond_loopback
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.curve import Gatekeeper, secure_server
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import MAX_PAYLOAD_BYTES, WireError, decode, decode_frame, encode, encode_frame
from mxtrain_server.replication.actions import Acknowledged, Action, Drop, Forward, Reply, Synced
from mxtrain_server.replication.counting import count
from mxtrain_server.replication.server_node import ServerNode
from mxtrain_server.transport.peers import ZERO_COPY_BYTES, Peers

_log = logging.getLogger("mxtrain.server")

_HANDSHAKE_FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
#: Messages that are taken before other things get their turn.
_AT_A_TIME = 256
#: Seconds between looks at what may have been lost.
_TICK = 1.0

Frames = Sequence[zmq.Frame]


class ParameterService:
    """Listens, decodes, lets the node answer, and sends what it says. `endpoint`: where it is reached.

    name: this server's name in the job. dropped: messages and connections that made no sense. synced: called with
    (shard, name of a server) when that server knows all of the shard. counters: brought up to date about every second.
    """

    def __init__(self, settings: ClusterSettings, name: str) -> None:
        self.dropped = 0
        self.node: ServerNode | None = None
        self.counters = NodeCounters()
        self.synced: Callable[[int, str], None] = lambda shard, node: None
        self._workers: dict[bytes, tuple[str, int]] = {}
        self._servers: dict[bytes, str] = {}
        self._identities: dict[tuple[str, int], bytes] = {}
        self._server_identities: dict[str, bytes] = {}
        self._context = zmq.Context(io_threads=1)
        self._socket = self._context.socket(zmq.ROUTER)
        key = settings.cluster_key
        self._gatekeeper = None if key is None else Gatekeeper(self._context, key)
        self.endpoint = self._listen(settings)
        self._monitor = self._socket.get_monitor_socket(_HANDSHAKE_FAILED)
        self._poller = zmq.Poller()
        self.peers = Peers(self._context, self._poller, m.PeerHello(m.PROTOCOL, settings.job, name), key)
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for socket in (self._socket, self._monitor, self._wake_reader):
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

    def wake(self) -> None:
        """Let `serve` look around at once; from any thread."""
        try:
            os.write(self._wake_writer, b"x")
        except BlockingIOError:
            return  # it has enough to wake up from

    def serve(self, node: ServerNode, look_around: Callable[[], bool], poll: float) -> None:
        """Answer messages until `look_around` returns True; it is called every `poll` seconds, and after `wake`."""
        self.node = node
        tick_at = time.monotonic() + _TICK
        while not look_around():
            ready = dict(self._poller.poll(int(poll * 1000)))
            if self._gatekeeper is not None and self._gatekeeper.socket in ready:
                self._gatekeeper.answer()
            if self._monitor in ready:
                event = recv_monitor_message(self._monitor)
                self._drop(f"a connection whose handshake failed (event {int(event['event'])})")
            if self._wake_reader in ready:
                os.read(self._wake_reader, 4096)
            for name, message in self.peers.receive(ready):
                self.carry_out(self._take_from_copy(node, name, message))
            if time.monotonic() > tick_at:
                tick_at = time.monotonic() + _TICK
                count(node, self.counters)
                self.counters.dropped = self.dropped
                self.carry_out(node.tick())
            if self._socket in ready:
                self._take_all(node)
                self.carry_out(node.acknowledge())

    def _take_all(self, node: ServerNode) -> None:
        """Take what has come; enough at a time that others get their turn now and then."""
        for _ in range(_AT_A_TIME):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            try:
                self.carry_out(self._take(node, frames))
            except WireError as error:
                self._drop(f"a message: {error}")

    def _take(self, node: ServerNode, frames: Frames) -> list[Action]:
        identity = frames[0].bytes
        if not 2 <= len(frames) <= 4:
            raise WireError(f"Expected: a header and at most two frames. Received: {len(frames) - 1} frames.")
        if identity in self._servers:
            return self._take_from_server(node, self._servers[identity], frames)
        number, message = decode_frame(frames[1].buffer)
        if isinstance(message, m.Hello):
            self._workers[identity] = (message.node, message.shard)
            self._identities[message.node, message.shard] = identity
            return node.greet(message)
        if isinstance(message, m.PeerHello):
            if not node.accepts(message):
                return [Drop("a hello of a server that is not in the view")]
            self._servers[identity] = message.node
            self._server_identities[message.node] = identity
            return []
        if identity not in self._workers:
            return [Drop(f"a {type(message).__name__} of a node that has not said hello")]
        if len(frames) > 3:
            raise WireError("Expected: a header and at most one payload.")
        payload = np.frombuffer(frames[2].buffer, np.uint8) if len(frames) == 3 else None
        worker, shard = self._workers[identity]
        return node.receive(worker, shard, number, message, payload)

    def _take_from_copy(self, node: ServerNode, name: str, message: Any) -> list[Action]:
        if isinstance(message, m.Acknowledge):
            return node.acknowledged(name, message)
        if isinstance(message, m.Behindhand):
            return node.behindhand(name, message)
        return [Drop(f"a {type(message).__name__} of server {name}")]

    def _take_from_server(self, node: ServerNode, name: str, frames: Frames) -> list[Action]:
        message = decode_frame(frames[1].buffer)[1]
        if isinstance(message, m.Entry) and len(frames) > 2:
            payload = np.frombuffer(frames[3].buffer, np.uint8) if len(frames) == 4 else None
            return node.enter(name, message, decode(frames[2].buffer), payload)
        if isinstance(message, m.SnapshotPart) and len(frames) == 3:
            return node.assemble(name, message, np.frombuffer(frames[2].buffer, np.uint8))
        if isinstance(message, m.Probe):
            return node.probed(name, message)
        if isinstance(message, m.PeerHello):
            return []
        raise WireError(f"Expected: a change or a snapshot from server {name}. Received: {type(message).__name__}.")

    # ---------------------------------------------------------------- actions

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Do what the node says."""
        for action in actions:
            if isinstance(action, Reply):
                self._reply(action)
            elif isinstance(action, Forward):
                self.peers.send(action.node, action.message, action.command, action.payload)
            elif isinstance(action, Acknowledged):
                identity = self._server_identities.get(action.node)
                if identity is not None:
                    self._send(identity, [encode(action.message)])
            elif isinstance(action, Synced):
                self.synced(action.shard, action.node)
            else:
                self._drop(action.reason)

    def _reply(self, reply: Reply) -> None:
        identity = self._identities.get((reply.node, reply.shard))
        if identity is None:
            return
        header = encode_frame(reply.taken, reply.message)
        if reply.payload is None:
            self._send(identity, [header])
        else:
            payload = reply.payload.view(np.uint8)  # the buffer protocol does not know every element type
            self._send(identity, [header, payload.data], reply.lasting and payload.nbytes >= ZERO_COPY_BYTES)

    def _send(self, identity: bytes, frames: list[Any], lasting: bool = False) -> None:
        try:
            self._socket.send(identity, zmq.SNDMORE)
            for frame in frames[:-1]:
                self._socket.send(frame, zmq.SNDMORE)
            self._socket.send(frames[-1], copy=not lasting)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._drop("an answer for a node that is gone")

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
        for descriptor in (self._wake_reader, self._wake_writer):
            os.close(descriptor)
