"""`Introductions`: who is at the other end of a connection, by what was said on it first."""

from __future__ import annotations

from collections.abc import Collection

#: Connections that are remembered before those of strangers are forgotten.
_MANY = 4096


class Introductions:
    """Workers and servers by the names of their connections, each "node:number", and the other way round.

    A node numbers its connections. The one with the highest number counts, so that nobody who repeats what was said on
    an earlier one gets its answers.
    """

    def __init__(self) -> None:
        self._workers: dict[str, tuple[str, int]] = {}
        self._servers: dict[str, str] = {}
        self._connections: dict[tuple[str, int], str] = {}
        self._server_connections: dict[str, str] = {}

    def worker_at(self, connection: str) -> tuple[str, int] | None:
        """(node, shard) of a worker's connection."""
        return self._workers.get(connection)

    def server_at(self, connection: str) -> str | None:
        """The name of the server whose connection it is."""
        return self._servers.get(connection)

    def to_worker(self, node: str, shard: int) -> str | None:
        """The connection by which a worker talks to a shard."""
        return self._connections.get((node, shard))

    def to_server(self, name: str) -> str | None:
        """The connection that a server has opened."""
        return self._server_connections.get(name)

    def add_worker(self, connection: str, node: str, shard: int) -> bool:
        """A worker says who it is; False where the connection's name is another's, or it has a newer one."""
        before = self._connections.get((node, shard), "")
        if not _follows(connection, node, before):
            return False
        self._workers.pop(before, None)
        self._workers[connection] = (node, shard)
        self._connections[node, shard] = connection
        return True

    def add_server(self, connection: str, name: str) -> bool:
        """The same of a server that is in the view."""
        before = self._server_connections.get(name, "")
        if not _follows(connection, name, before):
            return False
        self._servers.pop(before, None)
        self._servers[connection] = name
        self._server_connections[name] = connection
        return True

    def forget_strangers(self, workers: Collection[str], shards: Collection[int]) -> None:
        """Where very many have introduced themselves, keep these."""
        if len(self._workers) < _MANY:
            return
        for connection, (node, shard) in list(self._workers.items()):
            if node not in workers or shard not in shards:
                del self._workers[connection], self._connections[node, shard]


def _follows(connection: str, node: str, before: str) -> bool:
    """Whether a connection is of a node, and not older than the one before."""
    owner, _, number = connection.rpartition(":")
    return owner == node and number.isdecimal() and int(number) >= int(before.rpartition(":")[2] or 0)
