"""What the replication of shards wants done; the transport carries it out, in order."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Reply(NamedTuple):
    """A message for a worker's connection to a shard; see Answer for payload and lasting.

    taken: number of the worker's last command that cannot be lost any more.
    """

    node: str
    shard: int
    taken: int
    message: Any
    payload: np.ndarray | None = None
    lasting: bool = True


class Forward(NamedTuple):
    """A message for another server. command: a worker's, which goes with it as a frame of its own."""

    node: str
    message: Any
    command: Any = None
    payload: np.ndarray | None = None


class Acknowledged(NamedTuple):
    """A message for the primary that a server has a copy of a shard from."""

    node: str
    message: Any


class Synced(NamedTuple):
    """Tell the scheduler that a server now knows all of a shard."""

    shard: int
    node: str


class HandedOver(NamedTuple):
    """Tell the scheduler that this server has stopped to lead a shard, of which the successor knows all."""

    shard: int
    node: str
    epoch: int


class Drop(NamedTuple):
    """Count a message that made no sense."""

    reason: str


Action = Reply | Forward | Acknowledged | Synced | HandedOver | Drop
