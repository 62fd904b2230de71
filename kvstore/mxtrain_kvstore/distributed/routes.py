"""`Routes`: where the shards of a job are to be found, by the scheduler's newest view."""

from __future__ import annotations

from typing import NamedTuple


class Route(NamedTuple):
    """The primary of a shard: its name and where it is reached, as "tcp://host:port" or "grpc://host:port"."""

    node: str
    endpoint: str


class Routes(NamedTuple):
    """The primaries of all shards, in order. epoch: of the view. recoverable: commands may have to be sent again."""

    epoch: int
    primaries: tuple[Route, ...]
    recoverable: bool = False
