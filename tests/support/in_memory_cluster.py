"""Workers and servers in one process, without sockets: messages are encoded, delivered and decoded by hand."""

from collections import deque
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.distributed.directory import Directory
from mxtrain_kvstore.distributed.routes import Route, Routes
from mxtrain_kvstore.distributed.rows import RowClient
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import decode, decode_frame, encode, encode_frame
from mxtrain_server.parameters.memory import PrivateMemory, SegmentMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.replication.actions import Acknowledged, Drop, Forward, HandedOver, Reply, Synced
from mxtrain_server.replication.server_node import ServerNode, ServerView, ShardPlace
from mxtrain_server.scheduler.shards import Shards


class OneProcessMemory:
    """Memory "shared" within this process: a file is a number."""

    files: dict[int, np.ndarray] = {}

    def allocate(self, nbytes: int) -> SegmentMemory:
        array, file = self.create(nbytes)
        return SegmentMemory(array, file)

    def create(self, nbytes: int) -> tuple[np.ndarray, list]:
        number = len(self.files)
        self.files[number] = np.zeros(nbytes, np.uint8)
        return self.files[number], [0, number, nbytes, "token"]

    def release(self, file: list) -> None:
        pass

    def open(self, file: list, nbytes: int) -> np.ndarray:
        if self.files[file[1]].nbytes != nbytes:
            raise MXNetError("wrong size")
        return self.files[file[1]]


class Cluster:
    """Servers and a queue of messages on every way between two nodes; `deliver` decides when one arrives.

    A way is (from, to): a worker's is its rank, a server's its name; between worker and server the shard stands third.
    held: ways on which nothing arrives for now. late_views: between servers and the scheduler there are ways, too; else
    they hear each other at once.
    """

    late_views = False

    def __init__(
        self,
        num_workers: int,
        num_servers: int,
        shared: bool = False,
        auto: bool = True,
        replicas: int = 0,
        num_shards: int = 0,
    ) -> None:
        self.memory: Any = OneProcessMemory() if shared else PrivateMemory()
        self.auto = auto
        self.nodes: dict[str, ServerNode] = {}
        self.ways: dict[tuple, deque] = {}
        self.to_worker: list[deque[Incoming]] = [deque() for _ in range(num_workers)]
        self.sent: list[tuple[int, int, Any]] = []
        self.dropped: list[str] = []
        self.held: set[tuple] = set()
        self.shards = Shards(replicas)
        self.workers = {rank: f"node{rank}" for rank in range(num_workers)}
        self.lost: frozenset[int] = frozenset()
        self.names: frozenset[str] = frozenset()
        self.epoch = 0
        for number in range(num_servers):
            self.add_server(f"server{number}")
        self.movable = replicas > 0 or num_shards > num_servers
        self.shards.form(list(self.nodes), num_shards)
        self.change_view()
        self.clients = [self._client(rank) for rank in range(num_workers)]

    # ---------------------------------------------------------------- members

    def add_server(self, name: str) -> None:
        self.names |= {name}
        self.nodes[name] = ServerNode(name, "job", lambda shard: ServerState(shard, "job", self.memory))

    def change_view(self) -> None:
        """Tell everybody who has which role now."""
        self.epoch += 1
        self.routes = Routes(self.epoch, tuple(Route(s.primary, s.primary) for s in self.shards.all), self.movable)
        for name in list(self.nodes):
            if self.late_views:
                self.put(("scheduler", name), self.view(), None)
            else:
                self.tell_view(name)

    def tell_view(self, name: str) -> None:
        self.carry_out(name, self.nodes[name].set_view(self.view()))

    def view(self) -> ServerView:
        places = {s.number: ShardPlace(s.primary, s.backup, s.learner, s.successor) for s in self.shards.all}
        return ServerView(self.epoch, places, self.workers, self.lost, self.names)

    def kill(self, name: str) -> None:
        """End a server; what it had sent may still arrive."""
        del self.nodes[name]
        assert not self.shards.lose(name)

    @property
    def servers(self) -> list[ServerState]:
        """The state of each shard at its primary."""
        return [self.nodes[s.primary].replicas[s.number].state for s in self.shards.all]

    def _client(self, rank: int) -> RowClient:
        channel = WorkerEnd(self, rank, [shard.primary for shard in self.shards.all])
        client = RowClient(channel, rank, 5, lambda: None, lambda: self.routes)
        client.greet(lambda shard, epoch: m.Hello(m.PROTOCOL, "job", self.workers[rank], rank, shard, epoch), 5)
        return client

    # ---------------------------------------------------------------- messages

    def deliver(self, *way: Any) -> bool:
        """Let the oldest message on a way arrive; False where there is none."""
        queue = self.ways.get(way)
        if not queue:
            return False
        receiver, frames, payload = way[1], *queue.popleft()
        if receiver == "scheduler":
            self._tell_scheduler(way[0], frames)
            return True
        if receiver not in self.nodes:
            return True
        if way[0] == "scheduler":
            self.carry_out(receiver, self.nodes[receiver].set_view(frames))
            return True
        node = self.nodes[receiver]
        if len(way) == 3:
            number, message = decode_frame(frames[0])
            if isinstance(message, m.Hello):
                actions = node.greet(message)
            else:
                actions = node.receive(self.workers[way[0]], way[2], number, message, payload)
        else:
            actions = self._from_server(node, way[0], [decode(frame) for frame in frames], payload)
        self.carry_out(receiver, [*actions, *node.acknowledge()])
        return True

    def _from_server(self, node: ServerNode, sender: str, messages: list, payload: Any) -> list:
        if isinstance(messages[0], m.Entry):
            return node.enter(sender, *messages, payload)
        if isinstance(messages[0], m.SnapshotPart):
            return node.assemble(sender, messages[0], payload)
        if isinstance(messages[0], m.Probe):
            return node.probed(sender, messages[0])
        if isinstance(messages[0], m.Behindhand):
            return node.behindhand(sender, messages[0])
        return node.acknowledged(sender, messages[0])

    def carry_out(self, sender: str, actions: list) -> None:
        for action in actions:
            if isinstance(action, Reply):
                self._reply(sender, action)
            elif isinstance(action, Forward):
                frames = [encode(x) for x in (action.message, action.command) if x is not None]
                self.put((sender, action.node), frames, copied(action.payload))
            elif isinstance(action, Acknowledged):
                self.put((sender, action.node), [encode(action.message)], None)
            elif isinstance(action, (Synced, HandedOver)) and self.late_views:
                self.put((sender, "scheduler"), action, None)
            elif isinstance(action, (Synced, HandedOver)):
                self._tell_scheduler(sender, action)
            elif isinstance(action, Drop):
                self.dropped.append(action.reason)

    def _tell_scheduler(self, sender: str, action: Synced | HandedOver) -> None:
        alive = list(self.nodes)
        if isinstance(action, Synced):
            changed = self.shards.synced(action.shard, action.node, sender, alive, self.epoch + 1)
        else:
            changed = self.shards.handed_over(action.shard, sender, action.node, action.epoch, alive)
        if changed:
            self.change_view()

    def begin_move(self) -> bool:
        """Let the next shard move that should; whether there is one."""
        shard = self.shards.begin_move(list(self.nodes), self.epoch + 1)
        if shard is not None:
            self.change_view()
        return shard is not None

    def _reply(self, sender: str, reply: Reply) -> None:
        rank = next((rank for rank, node in self.workers.items() if node == reply.node), None)
        if rank is None or (len(self.clients) > rank and self.ends[rank].endpoints[reply.shard] != sender):
            return  # the worker has turned to another server
        values = None if reply.payload is None else np.array(reply.payload).reshape(-1).view(np.uint8)
        taken, message = decode_frame(encode_frame(reply.taken, reply.message))
        self.to_worker[rank].append(Incoming(reply.shard, message, values, taken))

    clients: list[RowClient] = []

    @property
    def ends(self) -> list["WorkerEnd"]:
        return [client.channel for client in self.clients]  # type: ignore[misc]

    def put(self, way: tuple, frames: Any, payload: Any) -> None:
        self.ways.setdefault(way, deque()).append((frames, payload))

    def waiting(self) -> list[tuple]:
        """The ways on which something is that may arrive."""
        return [way for way, queue in self.ways.items() if queue and way not in self.held]

    def deliver_all(self) -> None:
        while ways := self.waiting():
            for way in ways:
                while self.deliver(*way):
                    pass

    def directories(self, mode: str = "sync", bound: int = 1000, store: int = 0) -> list[Directory]:
        """One store, opened by every worker."""
        found = []
        for client in self.clients:
            client.ask_all(m.OpenStore, store, mode)
            shared = self.memory if isinstance(self.memory, OneProcessMemory) else None
            found.append(Directory(client, store, bound, shared))
        return found


def settle(directories: list[Directory], outs: list[dict[str, np.ndarray]]) -> list[bytes]:
    """Wait for the pulls of a round, by worker and key; the bytes of their arrays, in that order."""
    for _ in range(3):  # workers follow a new view by themselves, whether somebody waits or not
        for directory in directories:
            directory.client.flush_unless_busy()
    for directory, arrays in zip(directories, outs, strict=True):
        for key in arrays:
            directory.client.settle(directory.parameters[key])
    return [array.tobytes() for arrays in outs for array in arrays.values()]


def copied(payload: Any) -> Any:
    return None if payload is None else np.array(payload).reshape(-1).view(np.uint8)


class WorkerEnd:
    """The channel of one worker. endpoints: the name of the server that it takes for each shard's primary."""

    def __init__(self, cluster: Cluster, rank: int, endpoints: list[str]) -> None:
        self.cluster = cluster
        self.rank = rank
        self.endpoints = endpoints
        self.num_servers = len(endpoints)

    def connect(self, server: int, endpoint: str) -> None:
        self.endpoints[server] = endpoint

    def send(
        self, server: int, message: Any, payload: np.ndarray | None = None, number: int = 0, lasting: bool = False
    ) -> None:
        self.cluster.sent.append((self.rank, server, message))
        way = (self.rank, self.endpoints[server], server)
        self.cluster.put(way, [encode_frame(number, message)], copied(payload))
        if self.cluster.auto:
            self.cluster.deliver_all()

    def receive(self, timeout: float) -> list[Incoming]:
        self.cluster.deliver_all()
        queue = self.cluster.to_worker[self.rank]
        found = list(queue)
        queue.clear()
        return found

    def close(self, deliver: bool = True) -> None:
        pass
