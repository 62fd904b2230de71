"""The messages of the data plane, between workers and parameter servers, with the declared form of every field.

A message is one header frame (`codec.py`) and, where its docstring says so, one payload frame of raw values.

Words. A *store* is one KVStore object of the job; workers number theirs in the order of creation. A server keeps values
in *segments*, flat arrays of one element type; a segment is a sequence of *blocks*, each a parameter or a slice of one.
A *run* is [segment, first block, number of blocks, round]. The *round* of a push is how often this worker has pushed
these blocks, this push included; of a pull, the round that the values must have reached.

The keys of a job are divided into *shards*, one for each server that the job starts with. A shard lies on a *primary*,
and on a *backup* where the job has replicas; workers talk to the primary. Every frame from a worker carries a number.
The *commands* of a worker to a shard, which change what the shard knows, are numbered 1, 2, 3, ...; any other message
carries the number of the last command before it. A shard carries commands out once, in the order of their numbers.
Every frame to a worker carries the number of its last command that cannot be lost any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from mxtrain_kvstore.wire.schema import Check, Flag, Integer, Key, ListOf, Plain, Record, Runs, Text

#: Version of this protocol; a server refuses workers of another.
PROTOCOL = 2
#: Most runs, keys or blocks that one message may name.
MAX_ITEMS = 16384

Run = list[int]
_MessageClass = TypeVar("_MessageClass", bound="type[Any]")

kinds: dict[int, tuple[type[Any], tuple[Check, ...]]] = {}
kind_of: dict[type[Any], int] = {}


def message(kind: int, **fields: Check) -> Callable[[_MessageClass], _MessageClass]:
    """Class decorator: registers a NamedTuple under its number on the wire, with the check of each field."""

    def register(klass: _MessageClass) -> _MessageClass:
        if tuple(fields) != klass._fields or kind in kinds:
            raise TypeError(f"{klass.__name__}: every field needs a check, and kind {kind} must be free")
        kinds[kind] = (klass, tuple(fields.values()))
        kind_of[klass] = kind
        return klass

    return register


REQUEST = Integer()
STORE = Integer(1 << 31)
SERVER = Integer(1 << 20)
NAME = Text(256)
REASON = Text(8192)
RUNS = Runs(MAX_ITEMS)
DTYPE = Text(32)
SHAPE = ListOf(Integer(), 64)
FILE = Record(Integer(), Integer(), Integer(), Text(64))
PART = Record(SERVER, *[Integer()] * 6)

# ---------------------------------------------------------------- from a worker


@message(1, protocol=Integer(), job=NAME, node=NAME, rank=SERVER, shard=SERVER, epoch=Integer())
class Hello(NamedTuple):
    """The first message of a worker on a connection; epoch: of the view by which it came. Answer: Welcome."""

    protocol: int
    job: str
    node: str
    rank: int
    shard: int
    epoch: int


@message(2, request=REQUEST, store=STORE, mode=Text(8))
class OpenStore(NamedTuple):
    """The worker takes part in a store; mode: "sync" or "async". Answer: Done."""

    request: int
    store: int
    mode: str


@message(
    3, request=REQUEST, store=STORE, entries=ListOf(Record(Key(), DTYPE, SHAPE, ListOf(Integer(), 1 << 16)), MAX_ITEMS)
)
class Create(NamedTuple):
    """New keys; entries: [key, dtype, shape, lengths of the blocks in elements]. Answer: Created."""

    request: int
    store: int
    entries: list[list[Any]]


@message(4, runs=RUNS)
class Write(NamedTuple):
    """Initial values of new keys; round is 0. Payload: the values of all runs, one after the other."""

    runs: list[Run]


@message(5, request=REQUEST, store=STORE, entries=ListOf(Record(Key(), DTYPE, SHAPE, ListOf(PART, 1 << 16)), MAX_ITEMS))
class Publish(NamedTuple):
    """Makes keys known to all workers, their initial values written; goes to every server. Answer: Done.

    entries: [key, dtype, shape, parts]; a part is [server, segment, first block, blocks, position, offset, elements]:
    so many elements of the array, from `offset` on, lie in the segment from `position` on.
    """

    request: int
    store: int
    entries: list[list[Any]]


@message(6, request=REQUEST, store=STORE, keys=ListOf(Key(), MAX_ITEMS))
class Lookup(NamedTuple):
    """Asks where keys lie. Answer, as soon as all of them are published: Directory."""

    request: int
    store: int
    keys: list[Any]


@message(7, runs=RUNS, mapped=Flag())
class Push(NamedTuple):
    """Values to be summed or applied. Payload, unless mapped: the values of all runs, one after the other.

    mapped: the values lie in the worker's mirror of the segment, and stay there until the round is complete.
    """

    runs: list[Run]
    mapped: bool


@message(8, runs=RUNS, mapped=Flag())
class Pull(NamedTuple):
    """Asks for values. Answer, run by run as they get ready: Pulled. mapped: the worker reads the segment itself."""

    runs: list[Run]
    mapped: bool


@message(9, request=REQUEST, store=STORE, description=Plain())
class SetOptimizer(NamedTuple):
    """The optimizer that servers apply, as `Optimizer.to_config` describes it. Answer: Done."""

    request: int
    store: int
    description: dict[str, Any]


@message(10, request=REQUEST, store=STORE, head=Integer(), body=Text(1 << 19))
class Command(NamedTuple):
    """Something for the controller of the servers. Answer: Done."""

    request: int
    store: int
    head: int
    body: str


@message(11, request=REQUEST)
class Sync(NamedTuple):
    """Answered by Done after everything that the worker sent before has been taken."""

    request: int


@message(12, request=REQUEST, store=STORE)
class LeaveStore(NamedTuple):
    """The worker pushes no more to this store: later rounds go on without it. Answer: Done."""

    request: int
    store: int


@message(13, request=REQUEST)
class Farewell(NamedTuple):
    """The worker leaves all stores and ends. Answer: Done."""

    request: int


@message(14, request=REQUEST, segment=Integer())
class MapSegment(NamedTuple):
    """Asks for the memory of a segment, to read it directly. Answer: Mapped."""

    request: int
    segment: int


@message(15, request=REQUEST, segment=Integer(), file=FILE)
class Mirror(NamedTuple):
    """Memory of the worker that is laid out like a segment; file: [pid, descriptor, bytes, token]. Answer: Done."""

    request: int
    segment: int
    file: list[Any]


@message(16, request=REQUEST, runs=RUNS)
class Explain(NamedTuple):
    """Asks what runs are waiting for. Answer: Explained."""

    request: int
    runs: list[Run]


@message(17, request=REQUEST, store=STORE)
class GetProgress(NamedTuple):
    """Asks for the optimizer's counts and for what it remembers about which blocks. Answer: Progress."""

    request: int
    store: int


@message(18, request=REQUEST, segment=Integer(), head=Integer(), part=Integer(64), start=Integer(), length=Integer())
class ReadState(NamedTuple):
    """Asks for elements of state array number `part` of the key whose first block is `head`. Answer: StateValues."""

    request: int
    segment: int
    head: int
    part: int
    start: int
    length: int


@message(19, request=REQUEST, segment=Integer(), head=Integer(), part=Integer(64), start=Integer())
class WriteState(NamedTuple):
    """Overwrites elements of a state array, from `start` on. Payload: their values. Answer: Done."""

    request: int
    segment: int
    head: int
    part: int
    start: int


@message(20, request=REQUEST, store=STORE, progress=Plain())
class SetProgress(NamedTuple):
    """Overwrites the optimizer's counts. Answer: Done."""

    request: int
    store: int
    progress: dict[str, Any]


@message(21, store=STORE, slot=Integer(15), step=Integer())
class SavePosition(NamedTuple):
    """Where the worker is in its training before its step number `step`. Payload: for itself, of any form.

    slot: one of several things that are saved apart. Goes to every shard before the pushes of that step.
    """

    store: int
    slot: int
    step: int


@message(22, request=REQUEST, store=STORE, slot=Integer(15))
class ReadPosition(NamedTuple):
    """Asks for the position that this rank has saved last. Answer: PositionIs."""

    request: int
    store: int
    slot: int


@message(23, request=REQUEST, segment=Integer(), slot=Integer(15), step=Integer())
class ReadRounds(NamedTuple):
    """Asks which rounds of a segment this rank had pushed when it saved the position of a step. Answer: Rounds."""

    request: int
    segment: int
    slot: int
    step: int


@message(24, request=REQUEST, store=STORE)
class ReadReached(NamedTuple):
    """Asks for the highest round that any worker has pushed. Answer: Reached."""

    request: int
    store: int


@message(25, request=REQUEST, store=STORE, round=Integer())
class JoinStore(NamedTuple):
    """A worker that came later takes part in the rounds after `round` of all keys. Answer: Done, or Refused."""

    request: int
    store: int
    round: int


# ---------------------------------------------------------------- from a server


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


@message(69, runs=RUNS, mapped=Flag())
class Pulled(NamedTuple):
    """Values that were asked for. Payload, unless mapped: the values of all runs, one after the other."""

    runs: list[Run]
    mapped: bool


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


# ---------------------------------------------------------------- between servers


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


#: What changes a shard. Everything else may be asked again at any time.
COMMANDS = frozenset(
    {OpenStore, Create, Write, Publish, Push, SetOptimizer, Command, LeaveStore, Farewell, Mirror}
    | {WriteState, SetProgress, SavePosition, JoinStore}
)
