"""Hundreds of strangers connect to every port and say nothing, half of something, or a byte now and then.

They take no thread and hardly any memory, and lose their connections although they keep them open; the job goes on.
"""

import contextlib
import itertools
import re
import socket
import threading
import time
from pathlib import Path

import pytest
from job import Job, Node
from processes import wait_for

from mxtrain_kvstore.transport.grpc_connection import open_channel
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_protos import scheduler_pb2_grpc as rpc

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

SCRIPT = """
import os, time
kv = mx.kv.create("dist_sync")
kv.init("w", nd.zeros((300,)))
print("in", flush=True)
while not os.path.exists(__file__ + ".go"):
    kv.push("w", nd.ones((300,)))
    assert (pulled(kv, "w", (300,)) == 1).all()
    time.sleep(0.02)
"""
OF_EACH = 40
_numbers = itertools.count(1)
ZMQ_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
ZMQ_READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
ZMQ = [b"", ZMQ_GREETING[:20], ZMQ_GREETING + ZMQ_READY[:9]]
ZMQ_HALF = ZMQ_GREETING + ZMQ_READY + b"\x02" + (1 << 24).to_bytes(8, "big") + bytes(1000)


def http2(path: str) -> bytes:
    """The beginning of a stream, and of a message on it that never ends."""

    def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
        return len(body).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + body

    def field(name: str, value: str) -> bytes:
        return b"\0" + b"".join(bytes((len(text),)) + text.encode() for text in (name, value))

    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "te": "trailers"}
    fields |= {"content-type": "application/grpc", "stream-name": f"x:{next(_numbers)}"}
    head = b"".join(field(name, value) for name, value in fields.items())
    begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, head)
    return begin + frame(0, 0, 1, b"\0" + (1 << 20).to_bytes(4, "big") + bytes(1000))


def greetings(port: int, job: Job) -> list[bytes]:
    """What strangers say at a port before they fall silent."""
    if port == job.port:
        whole = http2("/mxtrain.scheduler.v1.Scheduler/Attend")
        return [b"", whole[:10], whole[:40], whole]
    if port == server_port(job)[1]:
        whole = http2("/mxtrain.parameters.v1.Parameters/Exchange")
        return ZMQ if server_port(job)[0] == "tcp" else [b"", whole[:10], whole[:40], whole]
    return [b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"]


def server_port(job: Job) -> tuple[str, int]:
    with open_channel(f"127.0.0.1:{job.port}", None) as channel:
        status = rpc.SchedulerStub(channel).Status(pb.StatusRequest(), timeout=20)
    endpoint = next(node.endpoint for node in status.nodes if node.endpoint)
    return endpoint.partition("://")[0], int(endpoint.rpartition(":")[2])


def takes(node: Node) -> tuple[int, int, int]:
    """(open files, threads, MiB) of a process."""
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    threads, memory = (int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("Threads", "VmRSS"))
    return len(list(Path(f"/proc/{node.process.pid}/fd").iterdir())), threads, memory // 1024


def connect(port: int, words: bytes) -> socket.socket:
    stranger = socket.create_connection(("127.0.0.1", port), timeout=20)
    stranger.settimeout(5)
    with contextlib.suppress(OSError):
        stranger.sendall(words)
    return stranger


def trickle(strangers: list[tuple[socket.socket, bytes]], ends: threading.Event) -> None:
    """Say something that begins well, a byte at a time."""
    for place in range(100):
        for stranger, words in strangers:
            with contextlib.suppress(OSError):
                stranger.send(words[place : place + 1])
        if ends.wait(0.3):
            return


@pytest.mark.parametrize("transport", ["tcp", "grpc"])
def test_strangers_do_not_hold_what_they_take(tmp_path, transport):
    env = {"MXTRAIN_KVSTORE_TRANSPORT": transport, "MXTRAIN_METRICS_PORT": "0", "PS_VERBOSE": "1"}
    with Job(tmp_path, SCRIPT, workers=1, servers=1, **env) as job:
        job["worker 0"].says("in")
        nodes = [job["scheduler 0"], job["server 0"]]
        ports = [int(re.findall(r"metrics at http://[^ ]+:(\d+)", node.text)[0]) for node in nodes]
        ports += [job.port, server_port(job)[1]]
        before = [takes(node) for node in nodes]
        with contextlib.ExitStack() as open_ends:
            strangers = [
                open_ends.enter_context(connect(port, words))
                for port in ports
                for words in greetings(port, job)
                for _ in range(OF_EACH)
            ]
            slow = [
                (open_ends.enter_context(connect(port, b"")), (greetings(port, job)[-1] + bytes(100))[:100])
                for port in ports
                for _ in range(10)
            ]
            ends = threading.Event()
            slow_thread = threading.Thread(target=trickle, args=(slow, ends))
            slow_thread.start()
            try:
                worst = [takes(node) for node in nodes]
                wait_for(
                    "the files of before",
                    lambda: all(near(node, at) for node, at in zip(nodes, before, strict=True)),
                    120,
                )
            finally:
                ends.set()
                slow_thread.join()
            if transport == "tcp":  # a whole greeting is not a stranger's: a node that is slow may go on later
                half = [open_ends.enter_context(connect(ports[-1], ZMQ_HALF)) for _ in range(OF_EACH)]
                assert takes(nodes[1])[2] - before[1][2] < 100, "memory of messages that have not come"
                strangers += half
            assert len(strangers) > 500
        wait_for("the files of before", lambda: all(near(node, at) for node, at in zip(nodes, before, strict=True)), 30)
        for (_, threads, memory), (_, threads_before, memory_before) in zip(worst, before, strict=True):
            assert threads - threads_before < 60
            assert memory - memory_before < 200
        (tmp_path / "worker.py.go").touch()
        job.succeed()


def near(node: Node, before: tuple[int, int, int]) -> bool:
    """Whether a process has as few files open as before, and as few threads."""
    files, threads, _ = takes(node)
    time.sleep(0.1)
    return files <= before[0] + 5 and threads <= before[1] + 5
