"""ZeroMQ's CURVE encryption with keys that follow from the cluster key: who lacks it can neither read nor connect."""

from __future__ import annotations

import hashlib

import zmq
from zmq.utils import z85


def has_curve() -> bool:
    """Whether the libzmq that is installed can encrypt."""
    return bool(zmq.has("curve"))


def key_pair(cluster_key: str, role: str) -> tuple[bytes, bytes]:
    """(public, secret) CURVE keys of a role ("server" or "worker"), the same on every node with this cluster key."""
    salt = b"mxtrain curve " + role.encode()
    secret = z85.encode(hashlib.scrypt(cluster_key.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32))
    return zmq.curve_public(secret), secret


def secure_client(socket: zmq.Socket, cluster_key: str) -> None:
    """Make a worker's socket talk only to servers of this cluster."""
    socket.curve_publickey, socket.curve_secretkey = key_pair(cluster_key, "worker")
    socket.curve_serverkey = key_pair(cluster_key, "server")[0]


def secure_server(socket: zmq.Socket, cluster_key: str) -> None:
    """Make a server's socket ask for CURVE; `Gatekeeper` then admits only workers of this cluster."""
    socket.curve_server = True
    socket.curve_secretkey = key_pair(cluster_key, "server")[1]
    socket.zap_domain = b"mxtrain"


class Gatekeeper:
    """Answers libzmq's question whether a client key is welcome (ZAP); `socket` must be polled by its owner."""

    def __init__(self, context: zmq.Context, cluster_key: str) -> None:
        self.welcome = z85.decode(key_pair(cluster_key, "worker")[0])
        self.refused = 0
        self.socket = context.socket(zmq.REP)
        self.socket.bind("inproc://zeromq.zap.01")

    def answer(self) -> None:
        """Answer one question."""
        version, request, _, _, _, mechanism, *credentials = self.socket.recv_multipart()
        admitted = mechanism == b"CURVE" and credentials == [self.welcome]
        self.refused += not admitted
        status, text = (b"200", b"OK") if admitted else (b"400", b"this key is not of the cluster")
        self.socket.send_multipart([version, request, status, text, b"worker", b""])

    def close(self) -> None:
        """Stop answering."""
        self.socket.close(0)
