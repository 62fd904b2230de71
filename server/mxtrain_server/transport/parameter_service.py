"""`ParameterService`: the loop of a parameter server, between its data plane and its `ServerNode`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mxtrain_kvstore.counters import NodeCounters
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import WireError, decode, decode_frame, encode, encode_frame
from mxtrain_server.replication.actions import Acknowledged, Action, Drop, Forward, HandedOver, Reply, Synced
from mxtrain_server.replication.counting import count
from mxtrain_server.replication.server_node import ServerNode
from mxtrain_server.transport.data_plane import Arrival, DataPlane
from mxtrain_server.transport.grpc_plane import GrpcPlane
from mxtrain_server.transport.introductions import Introductions
from mxtrain_server.transport.zmq_plane import ZmqPlane

_log = logging.getLogger("mxtrain.server")

#: Seconds between looks at what may have been lost.
_TICK = 1.0


class ParameterService:
    """Decodes what comes, lets the node answer, and sends what it says. `endpoint`: where the server is reached.

    name: this server's name in the job. dropped: messages and connections that made no sense. synced: called with
    (shard, name of a server) when that server knows all of the shard; handed_over: with (shard, name of a server, epoch
    of the view) when it can go on with it. counters: brought up to date about every second.
    """

    def __init__(self, settings: ClusterSettings, name: str) -> None:
        self.dropped = 0
        self.node: ServerNode | None = None
        self.counters = NodeCounters()
        self.synced: Callable[[int, str], None] = lambda shard, node: None
        self.handed_over: Callable[[int, str, int], None] = lambda shard, node, epoch: None
        self._introductions = Introductions()
        self._hello = hello = encode_frame(0, m.PeerHello(m.PROTOCOL, settings.job, name))
        make_plane = GrpcPlane if settings.transport == "grpc" else ZmqPlane
        self._plane: DataPlane = make_plane(settings, name, hello, self._drop)
        self.endpoint = self._plane.endpoint
        self.wake = self._plane.wake

    def set_servers(self, endpoints: Mapping[str, str]) -> None:
        """Where other servers are reached now, by name. One that listens with another transport is not reached."""
        scheme = self.endpoint.partition("://")[0]
        reached = {name: at for name, at in endpoints.items() if at.startswith(f"{scheme}://")}
        for name in endpoints.keys() - reached.keys():
            _log.error(
                "server %s at %s: expected %s://. Set one MXTRAIN_KVSTORE_TRANSPORT", name, endpoints[name], scheme
            )
        self._plane.set_servers(reached)

    # ---------------------------------------------------------------- loop

    def serve(self, node: ServerNode, look_around: Callable[[], bool], poll: float) -> None:
        """Answer messages until `look_around` returns True; it is called every `poll` seconds, and after `wake`."""
        self.node = node
        tick_at = time.monotonic() + _TICK
        while not look_around():
            self._plane.wait(poll)
            self._take_all(self._plane.answers(), self._take_answer, node)
            if time.monotonic() > tick_at:
                tick_at = time.monotonic() + _TICK
                self._tick(node)
            self._take_all(self._plane.arrivals(), self._take, node)
            self.carry_out(node.acknowledge())

    def _tick(self, node: ServerNode) -> None:
        count(node, self.counters)
        self.counters.dropped = self.dropped
        self._introductions.forget_strangers(set(node.view.workers.values()), node.view.shards)
        self.carry_out(node.tick())

    def _take_all(
        self, arrivals: Iterable[Arrival], take: Callable[[ServerNode, Arrival], list[Action]], node: ServerNode
    ) -> None:
        for arrival in arrivals:
            try:
                self.carry_out(take(node, arrival))
            except WireError as error:
                self._drop(f"a message: {error}")

    # ---------------------------------------------------------------- messages

    def _take(self, node: ServerNode, arrival: Arrival) -> list[Action]:
        connection, frames = arrival
        if not 1 <= len(frames) <= 3:
            raise WireError(f"Expected: a header and at most two frames. Received: {len(frames)} frames.")
        server = self._introductions.server_at(connection)
        if server is not None:
            return self._take_from_server(node, server, frames)
        number, message = decode_frame(frames[0])
        if isinstance(message, m.Hello):
            if not self._introductions.add_worker(connection, message.node, message.shard):
                return [Drop("a hello on a connection that is not the worker's newest")]
            return node.greet(message)
        if isinstance(message, m.PeerHello):
            if not (node.accepts(message) and self._introductions.add_server(connection, message.node)):
                return [Drop("a hello of a server that is not in the view")]
            return []
        worker = self._introductions.worker_at(connection)
        if worker is None:
            return [Drop(f"a {type(message).__name__} of a node that has not said hello")]
        if len(frames) > 2:
            raise WireError("Expected: a header and at most one payload.")
        return node.receive(*worker, number, message, _payload(frames, 1))

    def _take_from_server(self, node: ServerNode, name: str, frames: Sequence[memoryview]) -> list[Action]:
        message = decode_frame(frames[0])[1]
        if isinstance(message, m.Entry) and len(frames) > 1:
            return node.enter(name, message, decode(frames[1]), _payload(frames, 2))
        if isinstance(message, m.SnapshotPart) and len(frames) == 2:
            return node.assemble(name, message, np.frombuffer(frames[1], np.uint8))
        if isinstance(message, m.Probe):
            return node.probed(name, message)
        if isinstance(message, m.PeerHello):
            return []
        raise WireError(f"Expected: a change or a snapshot from server {name}. Received: {type(message).__name__}.")

    def _take_answer(self, node: ServerNode, arrival: Arrival) -> list[Action]:
        """What a server with a copy says."""
        name, frames = arrival
        message = decode(frames[0])
        if isinstance(message, m.Acknowledge):
            return node.acknowledged(name, message)
        if isinstance(message, m.Behindhand):
            return node.behindhand(name, message)
        return [Drop(f"a {type(message).__name__} of server {name}")]

    # ---------------------------------------------------------------- actions

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Do what the node says."""
        for action in actions:
            if isinstance(action, Reply):
                self._reply(action)
            elif isinstance(action, Forward):
                self._forward(action)
            elif isinstance(action, Acknowledged):
                self._send(self._introductions.to_server(action.node), [encode(action.message)])
            elif isinstance(action, Synced):
                self.synced(action.shard, action.node)
            elif isinstance(action, HandedOver):
                self.handed_over(action.shard, action.node, action.epoch)
            else:
                self._drop(action.reason)

    def _reply(self, reply: Reply) -> None:
        frames: list[Any] = [encode_frame(reply.taken, reply.message)]
        if reply.payload is not None:
            frames.append(_bytes_of(reply.payload))
        self._send(self._introductions.to_worker(reply.node, reply.shard), frames, reply.lasting)

    def _forward(self, forward: Forward) -> None:
        if isinstance(forward.message, m.Probe):  # it may not have known this server when they were introduced
            self._plane.send_to_server(forward.node, [self._hello], lasting=True)
        frames: list[Any] = [encode_frame(0, forward.message)]
        if forward.command is not None:
            frames.append(encode(forward.command))
        if forward.payload is not None:
            frames.append(_bytes_of(forward.payload))
        self._plane.send_to_server(forward.node, frames, lasting=True)

    def _send(self, connection: str | None, frames: list[Any], lasting: bool = False) -> None:
        if connection is not None and not self._plane.send(connection, frames, lasting):
            self._drop("an answer for a node that is gone")

    def _drop(self, what: str) -> None:
        self.dropped += 1
        if self.dropped <= 10 or self.dropped % 1000 == 0:
            _log.warning("dropped %s (%d so far)", what, self.dropped)

    def close(self) -> None:
        """Stop listening; what was sent goes out first, within a second."""
        self._plane.close()


def _payload(frames: Sequence[memoryview], place: int) -> np.ndarray | None:
    return np.frombuffer(frames[place], np.uint8) if len(frames) > place else None


def _bytes_of(values: np.ndarray) -> memoryview:
    """The memory of values; the buffer protocol does not know every element type."""
    return values.view(np.uint8).data
