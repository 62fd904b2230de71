"""Messages about leases of a data set; see messages.py for the words.

A *table* of leases belongs to a store and has a name; it lies on shard 0. It hands out the samples of one epoch after
the other, as leases: *positions* `start` to `stop` in the epoch's order, which workers compute themselves. A worker
numbers the leases that it takes in an epoch from 0. Who has run out of leases while others have some takes no part in
rounds meanwhile: it pauses on every shard, then says so to the table, and waits.
"""

from __future__ import annotations

from typing import NamedTuple

from mxtrain_kvstore.wire.fields import NAME, REQUEST, STORE, message
from mxtrain_kvstore.wire.schema import Flag, Integer, Text

#: Outcomes of TakeLease: a lease; one for a worker that was told to wait; wait; the epoch is over for everybody.
LEASE, BACK, WAIT, OVER = "lease", "back", "wait", "over"


@message(
    32,
    request=REQUEST,
    store=STORE,
    table=NAME,
    samples=Integer(1 << 53),
    size=Integer(),
    in_turn=Flag(),
    epoch=Integer(),
    order=Text(256),
)
class OpenLeases(NamedTuple):
    """The worker takes part in a table, which the first one makes. Answer: LeasesOpened.

    size: samples of a lease. in_turn: leases are dealt to the workers in turn, not to who comes first. epoch: of the
    first leases. order: says how positions are put in order; equal on all workers.
    """

    request: int
    store: int
    table: str
    samples: int
    size: int
    in_turn: bool
    epoch: int
    order: str


@message(33, request=REQUEST, store=STORE, table=NAME, epoch=Integer(), number=Integer())
class TakeLease(NamedTuple):
    """Asks for lease `number` of this worker in an epoch; the one before it is done. Answer: Leased.

    Asked again, as by a process that does again what a dead one did, it has the same answer.
    """

    request: int
    store: int
    table: str
    epoch: int
    number: int


@message(34, store=STORE, table=NAME, epoch=Integer(), number=Integer(), done=Integer())
class ReportLease(NamedTuple):
    """The first `done` samples of a lease have been trained on: whatever happens, nobody gets them again."""

    store: int
    table: str
    epoch: int
    number: int
    done: int


@message(35, request=REQUEST, store=STORE, table=NAME, epoch=Integer(), number=Integer(), quits=Flag())
class RunOut(NamedTuple):
    """The worker, which has taken `number` leases, waits for the end of the epoch, or for another lease. Answer: Done.

    quits: it wants no more leases of this epoch, others shall get its own.
    """

    request: int
    store: int
    table: str
    epoch: int
    number: int
    quits: bool


@message(36, request=REQUEST, store=STORE, table=NAME, epoch=Integer())
class AwaitLease(NamedTuple):
    """Answered by Done when there may be another answer to TakeLease than "wait"."""

    request: int
    store: int
    table: str
    epoch: int


@message(38, request=REQUEST, store=STORE, table=NAME)
class CloseLeases(NamedTuple):
    """The worker takes no more part in a table: others get what it has not done. Answer: Done."""

    request: int
    store: int
    table: str


@message(39, request=REQUEST, store=STORE, table=NAME)
class ExplainLeases(NamedTuple):
    """Asks who has leases of the epoch that is under way. Answer: Explained."""

    request: int
    store: int
    table: str


@message(40, request=REQUEST, store=STORE, table=NAME, epoch=Integer(), number=Integer())
class Pause(NamedTuple):
    """The worker, which has taken `number` leases in an epoch, pushes nothing for now: rounds go on without it.

    All that it pushed before has come back. Goes to every shard. Answer: Done.
    """

    request: int
    store: int
    table: str
    epoch: int
    number: int


@message(41, request=REQUEST, store=STORE, table=NAME, epoch=Integer())
class Resume(NamedTuple):
    """An epoch is over: all who paused in it push again, from the same round of each key on. Answer: Done.

    Goes to every shard, from every worker; the first one counts.
    """

    request: int
    store: int
    table: str
    epoch: int


@message(37, request=REQUEST, store=STORE, table=NAME, epoch=Integer(), number=Integer(), round=Integer(1 << 53))
class Return(NamedTuple):
    """A worker that has paused pushes again, from the round after `round` of all keys on: it has got lease `number`.

    Goes to every shard. Answer: Done, or Refused where that round is over; it tries again with a later one.
    """

    request: int
    store: int
    table: str
    epoch: int
    number: int
    round: int


@message(80, request=REQUEST, epoch=Integer())
class LeasesOpened(NamedTuple):
    """epoch: the one whose leases are handed out."""

    request: int
    epoch: int


@message(81, request=REQUEST, outcome=Text(8), start=Integer(), stop=Integer())
class Leased(NamedTuple):
    """The answer to TakeLease: an outcome (see above), and for "lease" and "back" positions `start` to `stop`."""

    request: int
    outcome: str
    start: int
    stop: int
