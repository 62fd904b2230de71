"""The messages of the data plane, between workers and parameter servers, with the declared form of every field.

A message is one header frame (`codec.py`) and, where its docstring says so, one payload frame of raw values.

Words. A *store* is one KVStore object of the job; workers number theirs in the order of creation. A server keeps values
in *segments*, flat arrays of one element type; a segment is a sequence of *blocks*, each a parameter or a slice of one.
A *run* is [segment, first block, number of blocks, round]. The *round* of a push is how often this worker has pushed
these blocks, this push included; of a pull, the round that the values must have reached.

The keys of a job are divided into *shards*, at least one for each server that the job starts with. A shard lies on a
*primary*, and on a *backup* where the job has replicas; workers talk to the primary, and to another one when the view
says so. Every frame from a worker carries a number. The *commands* of a worker to a shard, which change what the shard
knows, are numbered 1, 2, 3, ...; any other message carries the number of the last command before it. A shard carries
commands out once, in the order of their numbers.
Every frame to a worker carries the number of its last command that cannot be lost any more.
"""

from __future__ import annotations

from mxtrain_kvstore.wire.fields import (
    MAX_ITEMS as MAX_ITEMS,
)
from mxtrain_kvstore.wire.fields import (
    NO_CODEC as NO_CODEC,
)
from mxtrain_kvstore.wire.fields import (
    PROTOCOL as PROTOCOL,
)
from mxtrain_kvstore.wire.fields import (
    UNBOUNDED as UNBOUNDED,
)
from mxtrain_kvstore.wire.fields import (
    Run as Run,
)
from mxtrain_kvstore.wire.fields import (
    kind_of as kind_of,
)
from mxtrain_kvstore.wire.fields import (
    kinds as kinds,
)
from mxtrain_kvstore.wire.lease_messages import (
    AwaitLease as AwaitLease,
)
from mxtrain_kvstore.wire.lease_messages import (
    CloseLeases as CloseLeases,
)
from mxtrain_kvstore.wire.lease_messages import (
    ExplainLeases as ExplainLeases,
)
from mxtrain_kvstore.wire.lease_messages import (
    Leased as Leased,
)
from mxtrain_kvstore.wire.lease_messages import (
    LeasesOpened as LeasesOpened,
)
from mxtrain_kvstore.wire.lease_messages import (
    OpenLeases as OpenLeases,
)
from mxtrain_kvstore.wire.lease_messages import (
    Pause as Pause,
)
from mxtrain_kvstore.wire.lease_messages import (
    ReportLease as ReportLease,
)
from mxtrain_kvstore.wire.lease_messages import (
    Resume as Resume,
)
from mxtrain_kvstore.wire.lease_messages import (
    Return as Return,
)
from mxtrain_kvstore.wire.lease_messages import (
    RunOut as RunOut,
)
from mxtrain_kvstore.wire.lease_messages import (
    TakeLease as TakeLease,
)
from mxtrain_kvstore.wire.peer_messages import (
    Acknowledge as Acknowledge,
)
from mxtrain_kvstore.wire.peer_messages import (
    Behindhand as Behindhand,
)
from mxtrain_kvstore.wire.peer_messages import (
    Entry as Entry,
)
from mxtrain_kvstore.wire.peer_messages import (
    Membership as Membership,
)
from mxtrain_kvstore.wire.peer_messages import (
    PeerHello as PeerHello,
)
from mxtrain_kvstore.wire.peer_messages import (
    Probe as Probe,
)
from mxtrain_kvstore.wire.peer_messages import (
    SnapshotPart as SnapshotPart,
)
from mxtrain_kvstore.wire.replies import (
    Behind as Behind,
)
from mxtrain_kvstore.wire.replies import (
    Created as Created,
)
from mxtrain_kvstore.wire.replies import (
    Directory as Directory,
)
from mxtrain_kvstore.wire.replies import (
    Done as Done,
)
from mxtrain_kvstore.wire.replies import (
    Explained as Explained,
)
from mxtrain_kvstore.wire.replies import (
    Mapped as Mapped,
)
from mxtrain_kvstore.wire.replies import (
    PositionIs as PositionIs,
)
from mxtrain_kvstore.wire.replies import (
    Progress as Progress,
)
from mxtrain_kvstore.wire.replies import (
    Pulled as Pulled,
)
from mxtrain_kvstore.wire.replies import (
    Reached as Reached,
)
from mxtrain_kvstore.wire.replies import (
    Refused as Refused,
)
from mxtrain_kvstore.wire.replies import (
    Rounds as Rounds,
)
from mxtrain_kvstore.wire.replies import (
    StateValues as StateValues,
)
from mxtrain_kvstore.wire.replies import (
    Welcome as Welcome,
)
from mxtrain_kvstore.wire.requests import (
    ChangeOptimizer as ChangeOptimizer,
)
from mxtrain_kvstore.wire.requests import (
    Command as Command,
)
from mxtrain_kvstore.wire.requests import (
    Create as Create,
)
from mxtrain_kvstore.wire.requests import (
    Explain as Explain,
)
from mxtrain_kvstore.wire.requests import (
    Farewell as Farewell,
)
from mxtrain_kvstore.wire.requests import (
    GetProgress as GetProgress,
)
from mxtrain_kvstore.wire.requests import (
    Hello as Hello,
)
from mxtrain_kvstore.wire.requests import (
    JoinStore as JoinStore,
)
from mxtrain_kvstore.wire.requests import (
    LeaveStore as LeaveStore,
)
from mxtrain_kvstore.wire.requests import (
    Lookup as Lookup,
)
from mxtrain_kvstore.wire.requests import (
    MapSegment as MapSegment,
)
from mxtrain_kvstore.wire.requests import (
    Mirror as Mirror,
)
from mxtrain_kvstore.wire.requests import (
    OpenStore as OpenStore,
)
from mxtrain_kvstore.wire.requests import (
    Publish as Publish,
)
from mxtrain_kvstore.wire.requests import (
    Pull as Pull,
)
from mxtrain_kvstore.wire.requests import (
    Push as Push,
)
from mxtrain_kvstore.wire.requests import (
    ReadPosition as ReadPosition,
)
from mxtrain_kvstore.wire.requests import (
    ReadReached as ReadReached,
)
from mxtrain_kvstore.wire.requests import (
    ReadRounds as ReadRounds,
)
from mxtrain_kvstore.wire.requests import (
    ReadState as ReadState,
)
from mxtrain_kvstore.wire.requests import (
    Rest as Rest,
)
from mxtrain_kvstore.wire.requests import (
    SavePosition as SavePosition,
)
from mxtrain_kvstore.wire.requests import (
    SetOptimizer as SetOptimizer,
)
from mxtrain_kvstore.wire.requests import (
    SetProgress as SetProgress,
)
from mxtrain_kvstore.wire.requests import (
    Sync as Sync,
)
from mxtrain_kvstore.wire.requests import (
    Write as Write,
)
from mxtrain_kvstore.wire.requests import (
    WriteState as WriteState,
)
from mxtrain_kvstore.wire.row_messages import (
    PulledRows as PulledRows,
)
from mxtrain_kvstore.wire.row_messages import (
    PullRows as PullRows,
)
from mxtrain_kvstore.wire.row_messages import (
    PushRows as PushRows,
)

#: What changes a shard. Everything else may be asked again at any time.
COMMANDS = frozenset(
    {OpenStore, Create, Write, Publish, Push, SetOptimizer, Command, LeaveStore, Farewell, Mirror}
    | {WriteState, SetProgress, SavePosition, JoinStore, ChangeOptimizer, PushRows, Rest}
    | {OpenLeases, TakeLease, ReportLease, RunOut, CloseLeases, Pause, Resume, Return}
)
