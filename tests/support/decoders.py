"""Every decoder of bytes that come from outside, as a function of bytes, with examples to begin from.

A decoder takes anything: it returns, or raises MXNetError. Any other exception is a mistake.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
from google.protobuf.message import DecodeError
from in_memory_cluster import Cluster

import mxtrain as mx
from mxtrain.base import MXNetError
from mxtrain.ndarray.serialization import dumps, loads
from mxtrain.optimizer import from_config, get_updater
from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.transport.scheduler_client import PROTOCOL
from mxtrain_kvstore.transport.shared_memory import SharedMemory
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import WireError, decode, decode_frame, encode, encode_frame
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.plain_bytes import from_bytes
from mxtrain_server.replication.replica import Replica
from mxtrain_server.scheduler.actions import SchedulerRules
from mxtrain_server.scheduler.scheduler_state import SchedulerState

#: After so many inputs a state machine is made anew, so that what fuzzing has stored in it does not add up.
_FRESH = 500


@dataclass(frozen=True)
class Decoder:
    """take: the decoder. examples: bytes that mean something to it."""

    take: Callable[[bytes], object]
    examples: tuple[bytes, ...]

    def survives(self, data: bytes) -> bool:
        """Whether the bytes meant something. Raises whatever is no MXNetError."""
        try:
            self.take(data)
        except MXNetError:
            return False
        return True


# ---------------------------------------------------------------- state machines that take what was decoded


class Machine:
    """A state machine that is made anew now and then."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._left = 0
        self._state: Any = None

    def get(self) -> Any:
        if self._left == 0:
            self._state, self._left = self._make(), _FRESH
        self._left -= 1
        return self._state


def _cluster(replicas: int = 0) -> Cluster:
    """One worker that has made a few keys and pushed them once."""
    cluster = Cluster(1, 1 + replicas, replicas=replicas)
    (directory,) = cluster.directories()
    client = cluster.clients[0]
    client.ask_all(m.SetOptimizer, 0, mx.optimizer.create("sgd", momentum=0.9).to_config())
    directory.add(["a", "b"], [np.ones((3,), np.float32), np.ones((4, 2), np.float32)])
    for parameter in directory.parameters.values():
        client.push(parameter, [np.ones(parameter.shape, np.float32)])
    client.flush()
    cluster.deliver_all()
    cluster.auto = False
    return cluster


_clusters = Machine(_cluster)


def _split(data: bytes) -> tuple[bytes, np.ndarray | None]:
    """(header, payload): two bytes say how long the header is; no payload where the first bit is set."""
    size = int.from_bytes(data[:2], "big")
    header, rest = data[2 : 2 + (size & 0x7FFF)], data[2 + (size & 0x7FFF) :]
    return header, None if size & 0x8000 else np.frombuffer(rest, np.uint8)


def _joined(message: Any, payload: bytes | None) -> bytes:
    header = encode(message)
    return (len(header) | (0x8000 if payload is None else 0)).to_bytes(2, "big") + header + (payload or b"")


def at_server(data: bytes) -> None:
    """A message of a welcomed worker, as `ParameterService` takes it: only WireError is caught there."""
    header, payload = _split(data)
    message = decode(header)
    cluster = _clusters.get()
    node = cluster.nodes["server0"]
    if isinstance(message, m.Hello):
        node.greet(message)
        return
    applied = node.replicas[0].sessions["node0"].applied
    for action in node.receive("node0", 0, applied + (type(message) in m.COMMANDS), message, payload):
        if hasattr(action, "message"):
            encode(action.message)


def at_worker(data: bytes) -> None:
    """A message of a server, as the worker takes it."""
    header, payload = _split(data)
    message = decode(header)
    client = _clusters.get().clients[0]
    client._take(Incoming(0, message, payload, 0))


_copies = Machine(lambda: _cluster(1))


def at_copy(data: bytes) -> None:
    """A change or a part of a snapshot of another server; only WireError is caught there."""
    header, payload = _split(data)
    message = decode(header)
    cluster = _copies.get()
    node = cluster.nodes["server1"]
    index = node.replicas[0].index
    if type(message) in m.COMMANDS or isinstance(message, m.Membership):
        try:
            node.enter("server0", m.Entry(0, cluster.epoch, index + 1, "node0", 0, 1), message, payload)
        except MXNetError:
            cluster.auto = False
    elif isinstance(message, m.SnapshotPart) and payload is not None:
        node.assemble("server0", message._replace(shard=0, epoch=cluster.epoch), payload)
    elif isinstance(message, m.Probe):
        node.probed("server0", message)


def at_scheduler(data: bytes) -> None:
    """Messages of nodes, as gRPC hands them over: each byte string begins with its length and who sends it."""
    state = SchedulerState(SchedulerRules("job", 1, 1, replace_timeout=5.0), 0.0)
    now = 0.0
    while len(data) > 3:
        size, who = int.from_bytes(data[:2], "big"), data[2] % 3
        text, data = data[3 : 3 + size], data[3 + size :]
        now += 1.0
        try:
            message = pb.NodeMessage.FromString(text)
        except DecodeError:
            continue
        _tell(state, f"node{who}", message, now)
        state.status(now)
        state.tick(now)


def _tell(state: SchedulerState, node: str, message: pb.NodeMessage, now: float) -> None:
    kind = message.WhichOneof("body")
    if kind == "register":
        state.register(message.register, now)
    elif kind == "heartbeat":
        state.heartbeat(node, now)
    elif kind == "enter_barrier":
        state.enter_barrier(node, message.enter_barrier.number, now)
    elif kind == "finish":
        state.finish(node, now)
    elif kind == "fail":
        state.fail(node, message.fail.reason, now)
    elif kind == "synced":
        state.synced(node, message.synced.shard, message.synced.node, now)


def snapshot(data: bytes) -> None:
    """All that a server tells another that catches up."""
    replica = Replica(0, ServerState(0, "job", PrivateMemory()))
    replica.assemble(m.SnapshotPart(0, 1, 1, 0, len(data)), np.frombuffer(data, np.uint8))


@functools.cache
def _memory() -> SharedMemory:
    return SharedMemory()


def shared_memory(data: bytes) -> None:
    """Where a payload is said to lie."""
    message = decode(data)
    if isinstance(message, m.Mirror | m.Mapped) and message.file[0] != os.getpid():
        _memory().open(message.file, min(message.file[2], 1 << 20))


def optimizer(data: bytes) -> None:
    """The description of an optimizer, as SetOptimizer brings it."""
    message = decode(data)
    if isinstance(message, m.SetOptimizer):
        from_config(message.description)


def states(data: bytes) -> None:
    """A file of optimizer states."""
    get_updater(mx.optimizer.create("sgd", momentum=0.9)).set_states(data)


def symbol(data: bytes) -> None:
    """A symbol as JSON."""
    mx.sym.load_json(data.decode("utf-8", "replace"))


# ---------------------------------------------------------------- examples


def _server_examples() -> tuple[bytes, ...]:
    values = np.ones(11, np.float32).tobytes()
    messages = [
        (m.Hello(m.PROTOCOL, "job", "node0", 0, 0, 1), None),
        (m.OpenStore(1, 1, "async"), None),
        (m.Create(2, 0, [["c", "float32", [2, 3], [6]]]), None),
        (m.Write([[0, 0, 1, 0]]), values[:12]),
        (m.Publish(3, 0, [["c", "float32", [2, 3], [[0, 0, 0, 1, 0, 0, 6]]]]), None),
        (m.Lookup(4, 0, ["a", -7]), None),
        (m.Push([[0, 0, 2, 2]], False), values),
        (m.Push([[0, 0, 2, 2]], False, ["2bit", 0.5]), values[:8]),
        (m.Pull([[0, 0, 2, 1]], False), None),
        (m.Pull([[0, 0, 2, 1]], False, ["fp16", 0.0]), None),
        (m.ChangeOptimizer(0, mx.optimizer.create("adam").hyper_parameters()), None),
        (m.SetOptimizer(5, 0, mx.optimizer.create("adam").to_config()), None),
        (m.Command(6, 0, 1, "body"), None),
        (m.LeaveStore(8, 0), None),
        (m.Farewell(9), None),
        (m.MapSegment(10, 0), None),
        (m.Mirror(11, 0, [1, 2, 4096, "t"]), None),
        (m.Explain(12, [[0, 0, 1, 1]]), None),
        (m.GetProgress(13, 0), None),
        (m.ReadState(14, 0, 0, 0, 0, 3), None),
        (m.WriteState(15, 0, 0, 0, 0), values[:12]),
        (m.SetProgress(16, 0, {"num_update": 3}), None),
        (m.SavePosition(0, 1, 7), b"position"),
        (m.ReadPosition(1, 0, 1), None),
        (m.ReadRounds(2, 0, 1, 7), None),
        (m.JoinStore(4, 0, 9), None),
        (m.OpenLeases(1, 0, "data", 1000, 50, True, 0, ""), None),
        (m.TakeLease(2, 0, "data", 0, 0), None),
        (m.ReportLease(0, "data", 0, 0, 20), None),
        (m.RunOut(3, 0, "data", 0, 1, True), None),
        (m.AwaitLease(4, 0, "data", 0), None),
        (m.CloseLeases(5, 0, "data"), None),
        (m.Pause(7, 0, "data", 0, 1), None),
        (m.Resume(8, 0, "data", 0), None),
        (m.Return(9, 0, "data", 0, 1, 120), None),
        (m.Membership([[0, "node0"]], [1]), None),
        (m.Probe(0, 1, 5), None),
        (m.SnapshotPart(0, 1, 2, 0, 44), values),
    ]
    return tuple(_joined(message, payload) for message, payload in messages)


def _worker_examples() -> tuple[bytes, ...]:
    messages = [
        (m.Welcome(0, 5, True), None),
        (m.Done(1), None),
        (m.Refused(0, "no"), None),
        (m.Created(3, [[0, 4, 16]]), None),
        (m.Directory(4, [["a", "float32", [3], [[0, 0, 0, 1, 0, 0, 3]]]]), None),
        (m.Pulled([[0, 0, 2, 1]], False), np.ones(11, np.float32).tobytes()),
        (m.Mapped(5, [1, 2, 3, "t"]), None),
        (m.Progress(7, {}), None),
        (m.StateValues(8, "float32", 3, True), b"0" * 12),
        (m.Behind(3), None),
        (m.PositionIs(1, 7, True), b"position"),
        (m.Rounds(2, [6, 7]), None),
    ]
    return tuple(_joined(message, payload) for message, payload in messages)


def _node_messages() -> tuple[bytes, ...]:
    registers = [
        pb.Register(protocol=PROTOCOL, job="job", role=role, node=f"node{who}", preferred_rank=0, endpoint="tcp://h:1")
        for who, role in ((0, pb.ROLE_SERVER), (1, pb.ROLE_WORKER))
    ]
    view = pb.View(
        epoch=3,
        nodes=[
            pb.Node(role=pb.ROLE_SERVER, rank=0, node="node0", state=pb.NODE_STATE_ACTIVE),
            pb.Node(role=pb.ROLE_WORKER, rank=0, node="node1", state=pb.NODE_STATE_ACTIVE),
        ],
        shards=[pb.Shard(number=0, primary="node0")],
    )
    again = pb.Register(protocol=PROTOCOL, job="job", role=pb.ROLE_WORKER, node="node1", again=True, view=view)
    first = [(0, pb.NodeMessage(register=registers[0])), (1, pb.NodeMessage(register=registers[1]))]
    later = [
        (1, pb.NodeMessage(enter_barrier=pb.EnterBarrier(number=0))),
        (0, pb.NodeMessage(synced=pb.Synced(shard=0, node="node0"))),
        (1, pb.NodeMessage(fail=pb.Fail(reason="no"))),
        (1, pb.NodeMessage(finish=pb.Finish())),
        (0, pb.NodeMessage(heartbeat=pb.Heartbeat())),
        (1, pb.NodeMessage(register=again)),
    ]

    def stream(told: list) -> bytes:
        parts = [(who, message.SerializeToString()) for who, message in told]
        return b"".join(len(text).to_bytes(2, "big") + bytes([who]) + text for who, text in parts)

    return (stream([later[-1]]), *[stream([*first, one]) for one in later])


def _snapshot_example() -> bytes:
    from mxtrain_server.replication.plain_bytes import to_bytes

    return to_bytes(_cluster().nodes["server0"].replicas[0]._dump())


def _params_examples() -> tuple[bytes, ...]:
    dense = {"w": mx.nd.ones((2, 3)), "b": mx.nd.ones((3,), dtype="float16")}
    rows = mx.nd.array([[1.0, 0], [0, 0], [0, 2]]).tostype("row_sparse")
    return dumps(dense), dumps([rows, mx.nd.ones((2,)).astype("int32")]), dumps([])


def _state_examples() -> tuple[bytes, ...]:
    updater = get_updater(mx.optimizer.create("sgd", momentum=0.9))
    updater("w", mx.nd.ones((3,)), mx.nd.ones((3,)))
    return updater.get_states(False), updater.get_states(True)


def _symbol_examples() -> tuple[bytes, ...]:
    data = mx.sym.Variable("data", shape=(2, 3))
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(data, num_hidden=4, name="fc"), name="softmax")
    convolved = mx.sym.BatchNorm(mx.sym.Convolution(data, kernel=(3, 3), num_filter=2))
    return tuple(mx.sym.Group([x]).tojson().encode() for x in (net, convolved))


@functools.cache
def decoders() -> dict[str, Decoder]:
    """All of them, by name."""
    optimizers = [mx.optimizer.create(name).to_config() for name in ("sgd", "adam", "rmsprop", "ftrl", "signum")]
    server, worker = _server_examples(), _worker_examples()
    headers = tuple(encode(decode(_split(data)[0])) for data in server + worker)
    return {
        "header": Decoder(decode, headers),
        "frame": Decoder(decode_frame, tuple(encode_frame(7, decode(header)) for header in headers[:5])),
        "server": Decoder(at_server, server),
        "worker": Decoder(at_worker, worker),
        "copy": Decoder(at_copy, server),
        "scheduler": Decoder(at_scheduler, _node_messages()),
        "plain_bytes": Decoder(from_bytes, (_snapshot_example(), msgpack.packb({"a": [1, None]}))),
        "snapshot": Decoder(snapshot, (_snapshot_example(),)),
        "shared_memory": Decoder(shared_memory, (encode(m.Mirror(1, 0, [1, 2, 4096, "t"])),)),
        "optimizer": Decoder(optimizer, tuple(encode(m.SetOptimizer(1, 0, config)) for config in optimizers)),
        "states": Decoder(states, _state_examples()),
        "params": Decoder(loads, _params_examples()),
        "symbol": Decoder(symbol, _symbol_examples()),
    }


__all__ = ["Decoder", "WireError", "decoders"]
