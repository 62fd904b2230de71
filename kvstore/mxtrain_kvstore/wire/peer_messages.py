"""What servers send to each other; see messages.py for the words."""

from __future__ import annotations

from typing import Any, NamedTuple

from mxtrain_kvstore.wire.fields import NAME, SERVER, message
from mxtrain_kvstore.wire.schema import Flag, Integer, ListOf, Record, Text


@message(96, protocol=Integer(), job=NAME, node=NAME)
class PeerHello(NamedTuple):
    """The first message of a primary to a server that shall hold a copy."""

    protocol: int
    job: str
    node: str


@message(97, shard=SERVER, epoch=Integer(), change=Integer(), node=Text(256), rank=SERVER, number=Integer())
class Entry(NamedTuple):
    """Command number `number` of a worker, which was the shard's change number `change`. Answer: Acknowledge.

    The header of the command, and its payload where it has one, follow as frames. epoch: of the primary's view.
    """

    shard: int
    epoch: int
    change: int
    node: str
    rank: int
    number: int


@message(98, shard=SERVER, epoch=Integer(), change=Integer(), mapped=Flag())
class Acknowledge(NamedTuple):
    """A copy has carried out all changes up to number `change`. mapped: it reads the mirrors of all workers."""

    shard: int
    epoch: int
    change: int
    mapped: bool


@message(101, shard=SERVER, epoch=Integer(), change=Integer())
class Behindhand(NamedTuple):
    """Changes have been lost on the way to a copy, which is at number `change`. Answer: a snapshot."""

    shard: int
    epoch: int
    change: int


@message(102, shard=SERVER, epoch=Integer(), change=Integer())
class Probe(NamedTuple):
    """The primary has made changes up to number `change`, and has waited for the copy's acknowledgement for a while."""

    shard: int
    epoch: int
    change: int


@message(99, shard=SERVER, epoch=Integer(), change=Integer(), offset=Integer(), total=Integer())
class SnapshotPart(NamedTuple):
    """A part of all that a shard knows after change number `change`.

    Payload: its bytes from `offset` on, of `total`.
    """

    shard: int
    epoch: int
    change: int
    offset: int
    total: int


@message(100, workers=ListOf(Record(SERVER, NAME), 1 << 16), lost=ListOf(SERVER, 1 << 16))
class Membership(NamedTuple):
    """A change of a shard: who the workers are, as [rank, node], and the ranks that it goes on without."""

    workers: list[list[Any]]
    lost: list[int]
