"""What servers send to workers; see messages.py for the words."""

from __future__ import annotations

from typing import Any, NamedTuple

from mxtrain_kvstore.wire.fields import (
    CODEC,
    DTYPE,
    FILE,
    MAX_ITEMS,
    NO_CODEC,
    PART,
    REASON,
    REQUEST,
    RUNS,
    SERVER,
    SHAPE,
    Run,
    message,
)
from mxtrain_kvstore.wire.schema import Flag, Integer, Key, ListOf, Plain, Record


@message(64, shard=SERVER, applied=Integer(), mapped=Flag())
class Welcome(NamedTuple):
    """The worker has been taken.

    applied: number of its last command that the shard knows. mapped: the server reads the worker's mirrors.
    """

    shard: int
    applied: int
    mapped: bool


@message(65, request=REQUEST)
class Done(NamedTuple):
    """A request has been carried out."""

    request: int


@message(66, request=REQUEST, reason=REASON)
class Refused(NamedTuple):
    """A request cannot be carried out; request 0: a push or pull, and later ones of the same blocks, are lost."""

    request: int
    reason: str


@message(67, request=REQUEST, places=ListOf(Record(Integer(), Integer(), Integer()), MAX_ITEMS))
class Created(NamedTuple):
    """Where each new key lies: [segment, first block, position in elements]."""

    request: int
    places: list[list[int]]


@message(68, request=REQUEST, entries=ListOf(Record(Key(), DTYPE, SHAPE, ListOf(PART, 1 << 16)), MAX_ITEMS))
class Directory(NamedTuple):
    """What Publish said about the keys that were asked for."""

    request: int
    entries: list[list[Any]]


@message(69, runs=RUNS, mapped=Flag(), codec=CODEC)
class Pulled(NamedTuple):
    """Values that were asked for. Payload, unless mapped: the values of all runs, one after the other.

    codec: how the payload is encoded, element-wise.
    """

    runs: list[Run]
    mapped: bool
    codec: list[Any] = NO_CODEC


@message(70, request=REQUEST, file=FILE)
class Mapped(NamedTuple):
    """The memory of a segment: [pid, descriptor, bytes, token]."""

    request: int
    file: list[Any]


@message(71, request=REQUEST, text=REASON)
class Explained(NamedTuple):
    """What runs are waiting for, for people."""

    request: int
    text: str


@message(72, request=REQUEST, progress=Plain())
class Progress(NamedTuple):
    """The optimizer's counts."""

    request: int
    progress: dict[str, Any]


@message(73, request=REQUEST, dtype=DTYPE, size=Integer(), found=Flag())
class StateValues(NamedTuple):
    """Elements of a state array of `size` elements in all. Payload, where found: their values."""

    request: int
    dtype: str
    size: int
    found: bool


@message(74, applied=Integer())
class Behind(NamedTuple):
    """Commands of the worker have been lost on the way: it sends those after number `applied` again."""

    applied: int


@message(75, request=REQUEST, step=Integer(), found=Flag())
class PositionIs(NamedTuple):
    """The position before step number `step`. Payload, where found: what was saved."""

    request: int
    step: int
    found: bool


@message(76, request=REQUEST, rounds=ListOf(Integer(), 1 << 20))
class Rounds(NamedTuple):
    """The round that the worker had pushed, for each block of the segment."""

    request: int
    rounds: list[int]


@message(77, request=REQUEST, round=Integer())
class Reached(NamedTuple):
    """The highest round that any worker has pushed."""

    request: int
    round: int
