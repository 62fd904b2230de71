"""Workers and servers in one process, without sockets: messages are encoded, delivered and decoded by hand."""

from collections import deque
from typing import Any

import numpy as np

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.channel import Incoming
from mxtrain_kvstore.distributed.client import ParameterClient
from mxtrain_kvstore.distributed.directory import Directory
from mxtrain_kvstore.wire import messages as m
from mxtrain_kvstore.wire.codec import decode, encode
from mxtrain_server.parameters.memory import PrivateMemory, SegmentMemory
from mxtrain_server.parameters.server_state import ServerState


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
    """Servers' states and a queue of messages for each worker; `deliver` decides when servers see what was sent."""

    def __init__(self, num_workers: int, num_servers: int, shared: bool = False, auto: bool = True) -> None:
        self.memory: Any = OneProcessMemory() if shared else PrivateMemory()
        self.auto = auto
        self.servers = [ServerState(rank, "job", self.memory) for rank in range(num_servers)]
        self.to_server: dict[tuple[int, int], deque] = {}
        self.to_worker: list[deque[Incoming]] = [deque() for _ in range(num_workers)]
        self.sent: list[tuple[int, int, Any]] = []
        for server in self.servers:
            server.set_workers({rank: f"node{rank}" for rank in range(num_workers)})
        self.clients = [self._client(rank) for rank in range(num_workers)]

    def _client(self, rank: int) -> ParameterClient:
        return ParameterClient(WorkerEnd(self, rank), rank, wait_timeout=5, broken=lambda: None)

    def deliver(self, rank: int, server: int) -> bool:
        """Let a server take the oldest message of a worker; False where there is none."""
        queue = self.to_server.get((rank, server))
        if not queue:
            return False
        header, payload = queue.popleft()
        for answer in self.servers[server].receive(rank, decode(header), payload):
            values = None if answer.payload is None else np.array(answer.payload).reshape(-1).view(np.uint8)
            self.to_worker[answer.rank].append(Incoming(server, decode(encode(answer.message)), values))
        return True

    def deliver_all(self) -> None:
        for rank, server in list(self.to_server):
            while self.deliver(rank, server):
                pass

    def directories(self, mode: str = "sync", bound: int = 1000, store: int = 0) -> list[Directory]:
        """One store, opened by every worker."""
        found = []
        for client in self.clients:
            client.ask_all(m.OpenStore, store, mode)
            shared = self.memory if isinstance(self.memory, OneProcessMemory) else None
            found.append(Directory(client, store, bound, shared))
        return found


class WorkerEnd:
    """The channel of one worker."""

    def __init__(self, cluster: Cluster, rank: int) -> None:
        self.cluster = cluster
        self.rank = rank
        self.num_servers = len(cluster.servers)

    def send(self, server: int, message: Any, payload: np.ndarray | None = None) -> None:
        self.cluster.sent.append((self.rank, server, message))
        values = None if payload is None else np.array(payload)
        self.cluster.to_server.setdefault((self.rank, server), deque()).append((encode(message), values))
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
