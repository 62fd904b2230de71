"""`Proxies`: a worker's connections to servers go through this process, which records them, cuts them, repeats them.

For workers' scripts: `PROXIED` is put before one. When there is a file FILE.cut or FILE.replay, that is done once, and
FILE.cut.done or FILE.replay.done follows.
"""

import contextlib
import os
import socket
import threading
import time

PROXIED = f"""
import sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import tcp_proxy
tcp_proxy.Proxies(__file__).install()
"""


class Proxy:
    """Listens, and passes on to one server. sent: what each connection has sent to it."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.sent: list[bytearray] = []
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            here, _ = self._listener.accept()
            try:
                there = socket.create_connection(self.target)
            except OSError:
                here.close()
                continue
            self._ends += (here, there)
            self.sent.append(bytearray())
            for source, sink, record in ((here, there, self.sent[-1]), (there, here, bytearray())):
                threading.Thread(target=self._pass_on, args=(source, sink, record), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, record: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                record += data
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End all connections."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def replay(self) -> list[socket.socket]:
        """Send again what has been sent, on new connections, and read what is answered; they stay open."""
        strangers = []
        for sent in list(self.sent):
            stranger = socket.create_connection(self.target)
            stranger.settimeout(0.5)
            strangers.append(stranger)
            with contextlib.suppress(OSError):
                stranger.sendall(bytes(sent))
            with contextlib.suppress(OSError):
                while stranger.recv(1 << 16):
                    pass
        return strangers


class Proxies:
    """One for each server that the worker connects to."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._of: dict[str, Proxy] = {}
        self._open: list[socket.socket] = []

    def install(self) -> None:
        """Let the data plane's channels go through proxies, and watch for files."""
        from mxtrain_kvstore import network
        from mxtrain_kvstore.transport import grpc_stream, zmq_channel

        def through(endpoint: str, scheme: str) -> str:
            address = network.address_of(endpoint, scheme)
            if address not in self._of:
                host, _, port = address.rpartition(":")
                self._of[address] = Proxy((host.strip("[]"), int(port)))
            return f"127.0.0.1:{self._of[address].port}"

        grpc_stream.address_of = zmq_channel.address_of = through
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            for name in ("cut", "replay"):
                place = f"{self._file}.{name}"
                if os.path.exists(place) and not os.path.exists(place + ".done"):
                    for proxy in list(self._of.values()):
                        self._open += getattr(proxy, name)() or []
                    with open(place + ".done", "w"):
                        pass
            time.sleep(0.02)
