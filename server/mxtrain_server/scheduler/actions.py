"""What a scheduler goes by, and what it wants done; the transport carries it out, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mxtrain_protos import scheduler_pb2 as pb

#: Version of the control plane's protocol.
PROTOCOL = 3


class Send(NamedTuple):
    """Send a message to a node."""

    node: str
    message: pb.SchedulerMessage


class Close(NamedTuple):
    """End a node's stream, after what was sent before."""

    node: str


class Log(NamedTuple):
    """Something that people should see; problem: it is not as it should be."""

    text: str
    problem: bool = False


class Stop(NamedTuple):
    """End the scheduler with an exit code."""

    code: int


Action = Send | Close | Log | Stop


@dataclass(frozen=True)
class SchedulerRules:
    """What a scheduler goes by; durations in seconds (see mxtrain_kvstore.settings). host, pid: its own."""

    job: str
    num_workers: int
    num_servers: int
    heartbeat_interval: float = 2.0
    heartbeat_timeout: float = 10.0
    join_timeout: float = 300.0
    barrier_timeout: float = 1800.0
    end_timeout: float = 10.0
    replicas: int = 0
    replace_timeout: float = 0.0
    scheduler_timeout: float = 60.0
    min_workers: int = 1
    max_workers: int = 0
    max_servers: int = 0
    stop_timeout: float = 30.0
    host: str = ""
    pid: int = 0
