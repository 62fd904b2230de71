"""Fuzzing of the listening ports of a job that trains meanwhile: scheduler (gRPC), servers (ZeroMQ or gRPC), metrics.

    python tests/fuzz/ports.py --seconds 120            # without a cluster key
    python tests/fuzz/ports.py --seconds 120 --key      # with one: CURVE and TLS
    python tests/fuzz/ports.py --seconds 120 --grpc     # values over gRPC, too

Everything is on loopback. Random bytes, real greetings with random or truncated frames after them, frames that claim
huge lengths, mutated messages on real ZeroMQ and gRPC connections. Afterwards the job must end in order, with the right
weights; the memory of scheduler and servers (MiB) is printed before and after, and how many inputs there were.
"""

import argparse
import contextlib
import itertools
import random
import re
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import grpc
import zmq
from decoders import decoders
from job import Job, Node

from mxtrain_kvstore.transport.curve import secure_client
from mxtrain_kvstore.transport.grpc_connection import open_channel
from mxtrain_kvstore.transport.grpc_frames import MAX_MESSAGE_BYTES, METHOD, NAME_KEY, pack
from mxtrain_kvstore.transport.grpc_frames import SERVICE as PARAMETERS
from mxtrain_protos import scheduler_pb2 as pb

SCRIPT = """
import os, time
kv = mx.kv.create("dist_sync")
kv.init("w", nd.zeros((300,)))
print("in", flush=True)
while not os.path.exists(__file__ + ".go"):
    kv.push("w", nd.ones((300,)))
    total = pulled(kv, "w", (300,))
    assert (total == 2).all() or os.path.exists(__file__ + ".go")  # the other may have ended already
    time.sleep(0.01)
print("right", flush=True)
"""
SERVICE = "/mxtrain.scheduler.v1.Scheduler/"
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes(3) + b"\x04" + bytes(5)
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
_CONNECT = 2.0


class Chance(random.Random):
    """What comes next."""

    def mutated(self, data: bytes) -> bytes:
        """Bytes like these."""
        body = bytearray(data)
        for _ in range(self.randint(1, 5)):
            at = self.randint(0, len(body))
            kind = self.random()
            if kind < 0.4:
                body[at : at + 1] = self.randbytes(1)
            elif kind < 0.6:
                body[at:at] = self.randbytes(self.randint(1, 9))
            elif kind < 0.8:
                del body[at : at + self.randint(1, 9)]
            else:
                del body[at:]
        return bytes(body)

    def huge(self) -> bytes:
        """A number of 8 bytes that is far too large."""
        return self.choice(
            [b"\xff" * 8, b"\x7f" + b"\xff" * 7, (1 << 40).to_bytes(8, "big"), (1 << 31).to_bytes(8, "big")]
        )


def bytes_for_zmq(chance: Chance, examples: list[bytes]) -> bytes:
    """What a stranger may say to a ROUTER."""
    frames = b"".join(b"\x01" + len(x[:255]).to_bytes(1, "big") + x[:255] for x in chance.choices(examples, k=2))
    choices: list[Callable[[], bytes]] = [
        lambda: chance.randbytes(chance.randint(1, 400)),
        lambda: GREETING + chance.randbytes(chance.randint(1, 200)),
        lambda: chance.mutated(GREETING + READY + frames),
        lambda: GREETING + READY + b"\x02" + chance.huge() + chance.randbytes(100),
        lambda: GREETING + b"\x06" + chance.huge() + chance.randbytes(100),
        lambda: GREETING + READY + frames[: chance.randint(0, len(frames))],
        lambda: GREETING.replace(b"NULL", b"CURV") + chance.randbytes(200),
    ]
    return chance.choice(choices)()


def bytes_for_grpc(chance: Chance, examples: list[bytes]) -> bytes:
    """What a stranger may say to HTTP/2, or TLS."""

    def frame(kind: int, body: bytes) -> bytes:
        return len(body).to_bytes(3, "big") + bytes([kind, chance.randrange(256)]) + b"\0\0\0\1" + body

    choices: list[Callable[[], bytes]] = [
        lambda: chance.randbytes(chance.randint(1, 400)),
        lambda: PREFACE + SETTINGS + chance.randbytes(200),
        lambda: PREFACE + SETTINGS + frame(chance.randrange(12), chance.choice(examples)[:500]),
        lambda: PREFACE + SETTINGS + b"\xff\xff\xff" + chance.randbytes(100),
        lambda: chance.mutated(PREFACE + SETTINGS + frame(1, chance.randbytes(50))),
        lambda: chance.mutated(HELLO + chance.randbytes(300)),
        lambda: chance.mutated(b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"),
    ]
    return chance.choice(choices)()


class Strangers:
    """Send to the ports of one job."""

    def __init__(self, seed: int, key: str | None) -> None:
        self.chance = Chance(seed)
        self.key = key
        self.count: Counter[str] = Counter()
        self.examples = [x for name in ("header", "frame", "scheduler", "server") for x in decoders()[name].examples]
        self._sources = itertools.cycle(range(2, 250))

    def raw(self, port: int, what: str, make: Callable[[Chance, list[bytes]], bytes]) -> None:
        """One connection; addresses of our own change, so that ports do not run out."""
        data = make(self.chance, self.examples)
        stranger = socket.socket()
        with stranger, contextlib.suppress(OSError):
            stranger.settimeout(_CONNECT)
            stranger.bind((f"127.0.0.{next(self._sources)}", 0))
            stranger.connect(("127.0.0.1", port))
            self.count[f"{what}: connections of raw bytes"] += 1
            stranger.sendall(data)
            if self.chance.random() < 0.2:
                stranger.settimeout(0.02)
                stranger.recv(1000)

    def router(self, endpoint: str, messages: int) -> None:
        """Messages on a ZeroMQ connection that is as it should be."""
        with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
            stranger.linger = 500
            if self.key:
                secure_client(stranger, self.key)
            stranger.connect(endpoint)
            for _ in range(messages):
                frames = [
                    self.chance.mutated(self.chance.choice(self.examples))
                    for _ in range(self.chance.choice((1, 1, 2, 3, 9)))
                ]
                if self.chance.random() < 0.5:
                    frames[0] = self.chance.randbytes(8) + frames[0]
                stranger.send_multipart(frames)
            large = self.chance.choice([1 << 20, (1 << 24) + 1])
            stranger.send_multipart([self.examples[0], bytes(large)])
        self.count["server: messages"] += messages + 1

    def exchange(self, port: int, messages: int) -> None:
        """Messages on a gRPC stream to a server that is as it should be, but for what is in them."""
        texts = [self._frames() for _ in range(messages)]
        texts.append(bytes(self.chance.choice([1 << 20, MAX_MESSAGE_BYTES + 1])))
        name = self.chance.choice(["", "x" * 999, f"stranger:{self.chance.random()}", f"stranger:{messages}"])
        with self._channel(port) as channel, contextlib.suppress(grpc.RpcError):
            call = channel.stream_stream(f"/{PARAMETERS}/{METHOD}")(iter(texts), metadata=[(NAME_KEY, name)], timeout=5)
            for _ in call:
                pass
        self.count["server: messages"] += len(texts)

    def _frames(self) -> bytes:
        """Frames of which some are messages, and something like them."""
        frames = [self.chance.mutated(self.chance.choice(self.examples)) for _ in range(self.chance.randint(1, 4))]
        if self.chance.random() < 0.5:
            frames[0] = self.chance.randbytes(8) + frames[0]
        data = pack(frames)
        return data if self.chance.random() < 0.8 else self.chance.mutated(data)

    def attend(self, port: int, streams: int) -> None:
        """Streams of messages on a gRPC connection that is as it should be."""
        with self._channel(port) as channel:
            for _ in range(streams):
                method = self.chance.choice(["Attend", "Attend", "Status", "Nothing"])
                texts = [self._node_message() for _ in range(self.chance.randint(1, 5))]
                self.count["scheduler: messages"] += len(texts)
                with contextlib.suppress(grpc.RpcError):
                    for _ in channel.stream_stream(SERVICE + method)(iter(texts), timeout=0.5):
                        break

    def _channel(self, port: int) -> grpc.Channel:
        return open_channel(f"127.0.0.1:{port}", self.key, [("grpc.max_send_message_length", -1)])

    def _node_message(self) -> bytes:
        """A message that no scheduler takes for one of its nodes: of another job, or not to be read."""
        if self.chance.random() < 0.02:
            return bytes((1 << 20) + 1)
        register = pb.Register(
            protocol=2, job="another", role=2, node=str(self.chance.random()), again=self.chance.random() < 0.5
        )
        text = pb.NodeMessage(register=register).SerializeToString()
        return text if self.chance.random() < 0.3 else self.chance.mutated(text)


def resident(node: Node) -> int:
    """MiB that a process takes."""
    text = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) // 1024


def ports(job: Job) -> Iterator[tuple[str, int]]:
    """The listening TCP ports of the job's processes on loopback, by role, as Linux knows them."""
    for node in job.of("scheduler") + job.of("server"):
        files = Path(f"/proc/{node.process.pid}/fd").iterdir()
        links = {str(link.readlink()) for link in files}
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{node.process.pid}/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == "0A" and f"socket:[{words[9]}]" in links:
                    yield node.name, int(words[1].rpartition(":")[2], 16)


def run(seconds: float, seed: int, key: str | None, transport: str, folder: Path) -> tuple[bool, str]:
    """Fuzz one job; whether all was well, and a report."""
    env = {"MXTRAIN_CLUSTER_KEY": key or "", "MXTRAIN_KVSTORE_TRANSPORT": transport}
    with Job(folder, SCRIPT, MXTRAIN_METRICS_PORT="0", PS_VERBOSE="1", MXTRAIN_REPLICAS="1", **env) as job:
        for node in job.of("worker"):
            node.says("in")
        nodes = job.of("scheduler") + job.of("server")
        found = list(ports(job))
        strangers = Strangers(seed, key)
        memory: list[list[int]] = []
        for part in (0.2, 0.8):  # the first part lets pools and caches grow to their size
            end = time.monotonic() + seconds * part
            while time.monotonic() < end:
                for name, port in found:
                    http = transport == "grpc" or name.startswith("scheduler") or port not in _endpoints(job)
                    make = bytes_for_grpc if http else bytes_for_zmq
                    for _ in range(60):
                        strangers.raw(port, name.split()[0], make)
                strangers.attend(job.port, 5)
                for port in _endpoints(job):
                    if transport == "grpc":
                        strangers.exchange(port, 500)
                    else:
                        strangers.router(f"tcp://127.0.0.1:{port}", 1000)
            memory.append([resident(node) for node in nodes])
        (folder / "worker.py.go").touch()
        codes = job.wait(60)
        right = all("right" in node.text for node in job.of("worker")) and set(codes.values()) == {0}
        dropped = [re.findall(r"\((\d+) so far\)", node.text)[-1:] for node in job.of("server")]
        report = [f"{strangers.count.total()} inputs to {len(found)} ports {dict(strangers.count)}"]
        report += [f"{n.name}: {m0} MiB, then {m1} MiB" for n, m0, m1 in zip(nodes, *memory, strict=True)]
        report += [
            f"dropped, as the servers say: {dropped}",
            f"exit codes {codes}; weights {'right' if right else 'WRONG'}",
        ]
        if not right:
            report.append(job.report()[-6000:])
        grown = any(after > before * 1.3 + 20 for before, after in zip(*memory, strict=True))
    return right and not grown, "\n".join(report)


def _endpoints(job: Job) -> list[int]:
    """The ports of the servers' data plane."""
    return [int(port) for node in job.of("server") for port in re.findall(r"listens on \S+:(\d+)", node.text)[:1]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--key", action="store_true", help="with a cluster key")
    parser.add_argument("--grpc", action="store_true", help="the data plane over gRPC")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        secret, transport = "a secret of the cluster" if given.key else None, "grpc" if given.grpc else "auto"
        good, text = run(given.seconds, given.seed, secret, transport, Path(place))
    print(text)
    sys.exit(not good)
