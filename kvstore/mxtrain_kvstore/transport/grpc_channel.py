"""`GrpcChannel`: a worker's connections to all servers, one gRPC stream each."""

from __future__ import annotations

import itertools
import queue
import time
from typing import Any

import numpy as np

from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.transport.grpc_frames import pack, unpack
from mxtrain_kvstore.transport.grpc_stream import GrpcStream
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import decode_frame, encode_frame

#: Seconds that a push waits at most for a server that does not take what was sent before.
_PATIENCE = 5.0


class GrpcChannel:
    """Connections to servers at `endpoints` (as "grpc://host:port"), in the order of their ranks.

    node: this node's name; streams are numbered under it. cluster_key: None on loopback. close_timeout: seconds that
    closing may take to deliver what was sent. alive: seconds of silence after which a server is asked for a sign.
    """

    def __init__(
        self, endpoints: list[str], node: str, cluster_key: str | None, close_timeout: float, alive: float
    ) -> None:
        self.num_servers = len(endpoints)
        self._node = node
        self._cluster_key = cluster_key
        self._close_timeout = close_timeout
        self._alive = alive
        self._numbers = itertools.count(1)
        self._inbox: queue.SimpleQueue[tuple[int, int, bytes]] = queue.SimpleQueue()
        self._turns = [0] * len(endpoints)
        self._streams = [self._open(server, endpoint) for server, endpoint in enumerate(endpoints)]

    def connect(self, server: int, endpoint: str) -> None:
        """Go on with another process as this server."""
        self._streams[server].close()
        self._turns[server] += 1
        self._streams[server] = self._open(server, endpoint)

    def _open(self, server: int, endpoint: str) -> GrpcStream:
        turn = self._turns[server]
        return GrpcStream(
            endpoint,
            self._cluster_key,
            lambda: f"{self._node}:{next(self._numbers)}",
            lambda data: self._inbox.put((server, turn, data)),
            self._alive,
            _PATIENCE,
        )

    def send(
        self, server: int, message: Any, payload: np.ndarray | None = None, number: int = 0, lasting: bool = False
    ) -> None:
        """Send a message under its number; the payload is copied at once."""
        header = encode_frame(number, message)
        data = pack([header] if payload is None else [header, payload.data])
        if isinstance(message, m.Hello):
            self._streams[server].open(data)
        else:
            self._streams[server].send(data)

    def receive(self, timeout: float) -> list[Incoming]:
        """What has come; waits for at most `timeout` seconds where nothing has."""
        found: list[Incoming] = []
        try:
            self._take(found, self._inbox.get(timeout=timeout) if timeout else self._inbox.get_nowait())
            while True:
                self._take(found, self._inbox.get_nowait())
        except queue.Empty:
            return found

    def _take(self, found: list[Incoming], item: tuple[int, int, bytes]) -> None:
        server, turn, data = item
        if turn != self._turns[server]:
            return  # of a process that is this server no more
        frames = unpack(data)
        taken, message = decode_frame(frames[0])
        payload = np.frombuffer(frames[1], np.uint8) if len(frames) > 1 else None
        found.append(Incoming(server, message, payload, taken))

    def close(self, deliver: bool = True) -> None:
        """Deliver what was sent, within the time for closing, and end the streams."""
        end = time.monotonic() + (self._close_timeout if deliver else 0.0)
        for stream in self._streams:
            stream.finish()
        for stream in self._streams:
            stream.close(end - time.monotonic())
