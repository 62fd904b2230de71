"""Where a process stands in its job: the settings of the cluster, read from environment variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mxtrain.base import ArgumentError, MXNetError

#: Roles that a process can have in a job.
ROLES = ("scheduler", "server", "worker")
#: Ways that payloads can travel: shared memory where both ends share a host, else ZeroMQ over TCP; or gRPC streams.
TRANSPORTS = ("auto", "shm", "tcp", "grpc")


@dataclass(frozen=True)
class Setting:
    """One setting: the field that holds it, the variables that give it (the first that is set counts), and its meaning.

    read: makes the value from text; raises ValueError for text that it cannot take.
    """

    field: str
    variables: tuple[str, ...]
    read: Callable[[str], Any]
    default: Any
    meaning: str


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError("expected a number >= 0")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 16:
        raise ValueError("expected a port below 65536")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise ValueError("expected a number of seconds > 0")
    return number


def _seconds_or_zero(text: str) -> float:
    return 0.0 if text.strip() in ("0", "0.0") else _seconds(text)


def _one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"expected one of {', '.join(names)}")
        return text

    return read


#: Every setting of a cluster. Where one has MXNet's name too, our own goes first.
SETTINGS: tuple[Setting, ...] = (
    Setting("role", ("MXTRAIN_ROLE", "DMLC_ROLE"), _one_of(ROLES), None, "scheduler, server or worker"),
    Setting("scheduler_host", ("MXTRAIN_SCHEDULER_HOST", "DMLC_PS_ROOT_URI"), str, None, "address of the scheduler"),
    Setting("scheduler_port", ("MXTRAIN_SCHEDULER_PORT", "DMLC_PS_ROOT_PORT"), _port, None, "port of the scheduler"),
    Setting("num_workers", ("MXTRAIN_NUM_WORKERS", "DMLC_NUM_WORKER"), _count, None, "workers of the job"),
    Setting("num_servers", ("MXTRAIN_NUM_SERVERS", "DMLC_NUM_SERVER"), _count, None, "servers of the job"),
    Setting("worker_rank", ("MXTRAIN_WORKER_RANK", "DMLC_WORKER_ID"), _count, None, "rank that a worker asks for"),
    Setting("server_rank", ("MXTRAIN_SERVER_RANK", "DMLC_SERVER_ID"), _count, None, "rank that a server asks for"),
    Setting("task", ("MXTRAIN_TASK_ID", "DMLC_TASK_ID"), _count, None, "rank to ask for where no other is given"),
    Setting("node_host", ("MXTRAIN_NODE_HOST", "DMLC_NODE_HOST"), str, None, "address at which others reach this node"),
    Setting(
        "interface", ("MXTRAIN_INTERFACE", "DMLC_INTERFACE"), str, None, "network interface to take node_host from"
    ),
    Setting("job", ("MXTRAIN_JOB", "DMLC_JOB_ID"), str, "default", "name of the job; nodes of other jobs are refused"),
    Setting("cluster_key", ("MXTRAIN_CLUSTER_KEY",), str, None, "secret of the cluster; needed beyond loopback"),
    Setting(
        "heartbeat_interval",
        ("MXTRAIN_HEARTBEAT_INTERVAL", "PS_HEARTBEAT_INTERVAL"),
        _seconds,
        2.0,
        "seconds between heartbeats (the scheduler's value counts)",
    ),
    Setting(
        "heartbeat_timeout",
        ("MXTRAIN_HEARTBEAT_TIMEOUT", "PS_HEARTBEAT_TIMEOUT"),
        _seconds,
        10.0,
        "seconds of silence after which a node is dead (the scheduler's value counts)",
    ),
    Setting(
        "connect_timeout", ("MXTRAIN_CONNECT_TIMEOUT",), _seconds, 60.0, "seconds to wait for an answer to a connection"
    ),
    Setting("join_timeout", ("MXTRAIN_JOIN_TIMEOUT",), _seconds, 300.0, "seconds to wait for all nodes of the job"),
    Setting("barrier_timeout", ("MXTRAIN_BARRIER_TIMEOUT",), _seconds, 1800.0, "seconds to wait in a barrier"),
    Setting("wait_timeout", ("MXTRAIN_KVSTORE_TIMEOUT",), _seconds, 1800.0, "seconds to wait for a value or an answer"),
    Setting("end_timeout", ("MXTRAIN_END_TIMEOUT",), _seconds, 10.0, "seconds that a node takes to say goodbye"),
    Setting(
        "stop_timeout",
        ("MXTRAIN_STOP_TIMEOUT",),
        _seconds,
        30.0,
        "seconds in which a job that is told to end may finish a step and write a checkpoint",
    ),
    Setting("replicas", ("MXTRAIN_REPLICAS",), _count, 0, "copies of all parameters on other servers: 0 or 1"),
    Setting(
        "replace_timeout",
        ("MXTRAIN_REPLACE_TIMEOUT",),
        _seconds_or_zero,
        0.0,
        "seconds that the job waits for a new process in place of a dead one; 0: it goes on without",
    ),
    Setting(
        "scheduler_timeout",
        ("MXTRAIN_SCHEDULER_TIMEOUT",),
        _seconds_or_zero,
        60.0,
        "seconds that nodes go on without a scheduler; 0: the job stops at once",
    ),
    Setting("min_workers", ("MXTRAIN_MIN_WORKERS",), _count, 1, "the job stops where fewer workers are left"),
    Setting("max_workers", ("MXTRAIN_MAX_WORKERS",), _count, 0, "workers that may be in the job when more join later"),
    Setting(
        "max_servers",
        ("MXTRAIN_MAX_SERVERS",),
        _count,
        0,
        "servers that may be in the job when more join later; the keys are divided into at least so many shards",
    ),
    Setting(
        "staleness",
        ("MXTRAIN_STALENESS",),
        _count,
        None,
        "rounds that a worker of dist_async may be ahead of the slowest; none: any number",
    ),
    Setting(
        "backup_workers",
        ("MXTRAIN_BACKUP_WORKERS",),
        _count,
        0,
        "workers that a round of dist_sync may do without: the slowest are passed over",
    ),
    Setting(
        "transport", ("MXTRAIN_KVSTORE_TRANSPORT",), _one_of(TRANSPORTS), "auto", "auto, shm, tcp or grpc for payloads"
    ),
    Setting(
        "bigarray_bound",
        ("MXTRAIN_KVSTORE_BIGARRAY_BOUND", "MXNET_KVSTORE_BIGARRAY_BOUND"),
        _count,
        1_000_000,
        "elements from which an array is cut over all servers",
    ),
    Setting(
        "table_directory",
        ("MXTRAIN_TABLE_DIRECTORY",),
        str,
        None,
        "folder for keys of more than 64 MiB on a server, which may be larger than its memory",
    ),
    Setting(
        "metrics_port",
        ("MXTRAIN_METRICS_PORT",),
        _port,
        None,
        "port of the scheduler's Prometheus metrics; server R takes the one R + 1 above it; 0: each any free one",
    ),
    Setting("trace", ("MXTRAIN_TRACE",), str, None, "folder into which every process writes a trace; `mxtrain trace`"),
    Setting("metrics_host", ("MXTRAIN_METRICS_HOST",), str, "127.0.0.1", "address on which metrics are served"),
    Setting(
        "metrics_token", ("MXTRAIN_METRICS_TOKEN",), str, None, "bearer token for metrics; `mxtrain metrics-token`"
    ),
    Setting(
        "verbose", ("MXTRAIN_VERBOSE", "PS_VERBOSE"), _count, 0, "what is logged: 0: problems; 1: events; 2: details"
    ),
)


@dataclass(frozen=True)
class ClusterSettings:
    """The settings of one process of a job; `SETTINGS` says what each means. Durations are in seconds."""

    role: str | None = None
    scheduler_host: str | None = None
    scheduler_port: int | None = None
    num_workers: int | None = None
    num_servers: int | None = None
    worker_rank: int | None = None
    server_rank: int | None = None
    task: int | None = None
    node_host: str | None = None
    interface: str | None = None
    job: str = "default"
    cluster_key: str | None = None
    heartbeat_interval: float = 2.0
    heartbeat_timeout: float = 10.0
    connect_timeout: float = 60.0
    join_timeout: float = 300.0
    barrier_timeout: float = 1800.0
    wait_timeout: float = 1800.0
    end_timeout: float = 10.0
    stop_timeout: float = 30.0
    replicas: int = 0
    replace_timeout: float = 0.0
    scheduler_timeout: float = 60.0
    min_workers: int = 1
    max_workers: int = 0
    max_servers: int = 0
    staleness: int | None = None
    backup_workers: int = 0
    transport: str = "auto"
    bigarray_bound: int = 1_000_000
    table_directory: str | None = None
    metrics_port: int | None = None
    trace: str | None = None
    metrics_host: str = "127.0.0.1"
    metrics_token: str | None = None
    verbose: int = 0

    @property
    def preferred_rank(self) -> int:
        """The rank to ask the scheduler for; -1 where any will do."""
        own = self.worker_rank if self.role == "worker" else self.server_rank
        rank = own if own is not None else self.task
        return -1 if rank is None else rank

    @property
    def scheduler_address(self) -> str:
        """host:port of the scheduler."""
        host = self.scheduler_host or ""
        return f"[{host}]:{self.scheduler_port}" if ":" in host else f"{host}:{self.scheduler_port}"

    @property
    def shares_memory(self) -> bool:
        """Whether payloads may lie in memory that processes of one host share."""
        return self.transport in ("auto", "shm")

    def require_place(self) -> None:
        """Raise MXNetError unless role, scheduler and numbers of nodes are known."""
        needed = ("role", "scheduler_host", "scheduler_port", "num_workers", "num_servers")
        missing = [
            setting.variables[-1]
            for setting in SETTINGS
            if setting.field in needed and getattr(self, setting.field) is None
        ]
        if missing:
            raise MXNetError(
                f"A distributed KVStore needs a job. Expected: the environment variables {', '.join(missing)}. "
                "Received: none of them. Start the script through a launcher: "
                "mxtrain launch -n WORKERS -s SERVERS python SCRIPT."
            )
        if not (self.num_workers and self.num_servers):
            raise MXNetError(
                f"Expected: at least one worker and one server. Received: {self.num_workers} worker(s) and "
                f"{self.num_servers} server(s). Set DMLC_NUM_WORKER and DMLC_NUM_SERVER."
            )


def read_settings(environ: Mapping[str, str]) -> ClusterSettings:
    """The settings that environment variables give. Raises ArgumentError, which names the variable, for a bad value."""
    values = {}
    for setting in SETTINGS:
        name = next((name for name in setting.variables if environ.get(name)), None)
        values[setting.field] = setting.default if name is None else _read(setting, name, environ[name])
    return ClusterSettings(**values)


def _read(setting: Setting, name: str, text: str) -> Any:
    try:
        return setting.read(text)
    except ValueError as error:
        raise ArgumentError(f"Environment variable {name} ({setting.meaning}): {error}. Received: {text!r}.") from error
