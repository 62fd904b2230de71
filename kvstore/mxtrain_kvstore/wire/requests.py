"""What workers send to servers; see messages.py for the words."""

from __future__ import annotations

from typing import Any, NamedTuple

from mxtrain_kvstore.wire.fields import (
    CODEC,
    DTYPE,
    FILE,
    MAX_ITEMS,
    NAME,
    NO_CODEC,
    PART,
    REQUEST,
    RUNS,
    SERVER,
    SHAPE,
    STORE,
    UNBOUNDED,
    Run,
    message,
)
from mxtrain_kvstore.wire.schema import Flag, Integer, Key, ListOf, Plain, Record, Text


@message(1, protocol=Integer(), job=NAME, node=NAME, rank=SERVER, shard=SERVER, epoch=Integer())
class Hello(NamedTuple):
    """The first message of a worker on a connection; epoch: of the view by which it came. Answer: Welcome."""

    protocol: int
    job: str
    node: str
    rank: int
    shard: int
    epoch: int


@message(2, request=REQUEST, store=STORE, mode=Text(8), staleness=Integer(UNBOUNDED), backups=Integer(1 << 20))
class OpenStore(NamedTuple):
    """The worker takes part in a store; mode: "sync" or "async". Answer: Done.

    staleness: of an asynchronous store; a pull of round n waits until every worker has pushed round n - staleness.
    backups: of a synchronous store; how many workers a round may do without.
    """

    request: int
    store: int
    mode: str
    staleness: int = UNBOUNDED
    backups: int = 0


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


@message(7, runs=RUNS, mapped=Flag(), codec=CODEC)
class Push(NamedTuple):
    """Values to be summed or applied. Payload, unless mapped: the values of all runs, one after the other.

    mapped: the values lie in the worker's mirror of the segment, and stay there until the round is complete. codec: how
    a payload is encoded: each run by itself, or each block where the codec is not element-wise.
    """

    runs: list[Run]
    mapped: bool
    codec: list[Any] = NO_CODEC


@message(8, runs=RUNS, mapped=Flag(), codec=CODEC)
class Pull(NamedTuple):
    """Asks for values. Answer, run by run as they get ready: Pulled.

    mapped: the worker reads the segment itself. codec: how the payload of the answer shall be encoded, element-wise.
    """

    runs: list[Run]
    mapped: bool
    codec: list[Any] = NO_CODEC


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


@message(26, store=STORE, values=Plain())
class ChangeOptimizer(NamedTuple):
    """Other hyper-parameters, as `Optimizer.hyper_parameters` gives them, for the rounds that the worker pushes next.

    Rounds of a block that the worker had pushed before are carried out with those of before, whenever they complete.
    """

    store: int
    values: dict[str, Any]


@message(27, request=REQUEST, store=STORE, barrier=Integer())
class Rest(NamedTuple):
    """The worker comes to a barrier, its `barrier`-th from 1: until all have come to it, rounds go on without it.

    Those who have pushed less than others then go on at the rounds of the others; they go on counting their own pushes.
    Answer: Done.
    """

    request: int
    store: int
    barrier: int
