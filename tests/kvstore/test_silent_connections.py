"""A connection that is silently dead: neither end hears of it, as after a change of addresses or a firewall's."""

import socket
import threading
from collections.abc import Iterator

import pytest

from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.zmq_channel import ZmqChannel
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import decode_frame, encode_frame
from mxtrain_server.transport.zmq_plane import ZmqPlane

KEY = "ab" * 32


class Wire:
    """Passes bytes on between a port of its own and another, until they `vanish`; later connections work."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._alive = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self.vanished: set[socket.socket] = set()
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while self._alive:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            self._sockets += [near, far]
            self.connections += 1
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                if source not in self.vanished:
                    sink.sendall(data)
        except OSError:
            return

    def vanish(self) -> None:
        """From now on bytes of these connections get lost, and so does their end."""
        self.vanished.update(self._sockets)

    def close(self) -> None:
        self._alive = False
        self._listener.close()
        for one in self._sockets:
            one.close()


@pytest.fixture
def plane() -> Iterator[ZmqPlane]:
    settings = ClusterSettings(node_host="127.0.0.1", cluster_key=KEY)
    made = ZmqPlane(settings, "server", b"", lambda what: None)
    yield made
    made.close()


def next_arrival(plane: ZmqPlane) -> tuple[str, object]:
    """(name of the connection, message) of what comes next."""
    for _ in range(100):
        plane.wait(0.1)
        for arrival in plane.arrivals():
            return arrival.source, decode_frame(arrival.frames[0])[1]
    raise AssertionError("nothing has come within 10 s")


def test_a_silent_connection_is_made_anew_under_its_name(plane: ZmqPlane) -> None:
    wire = Wire(int(plane.endpoint.rpartition(":")[2]))
    channel = ZmqChannel([f"tcp://127.0.0.1:{wire.port}"], "node", KEY, 1.0, patience=0.5)
    try:
        channel.send(0, m.Sync(1))
        name, message = next_arrival(plane)
        assert message == m.Sync(1)
        wire.vanish()
        for _ in range(100):  # ZeroMQ's own threads notice, while nobody sends
            if wire.connections > 1:
                break
            plane.wait(0.1)
        channel.send(0, m.Sync(2))
        assert next_arrival(plane) == (name, m.Sync(2)), "the server still had the old connection of that name"
        plane.send(name, [encode_frame(0, m.Done(2))], False)
        assert [incoming.message for incoming in channel.receive(10)] == [m.Done(2)]
    finally:
        channel.close(deliver=False)
        wire.close()
