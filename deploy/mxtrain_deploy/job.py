"""What a job consists of: one scheduler, servers and workers, each a task with its command and environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["scheduler", "server", "worker"]

_ID_VARIABLE: dict[str, str] = {"server": "DMLC_SERVER_ID", "worker": "DMLC_WORKER_ID"}


# Seconds that a job waits for a new process in place of a dead one.
REPLACE_TIMEOUT = 60
# Seconds of the grace that are left to processes when the job gives up to stop in order.
_RESERVE = 5.0


class LaunchError(Exception):
    """A job that cannot be started as it was asked for; the text says what to change."""


@dataclass(frozen=True)
class Job:
    """One distributed job, before any of its processes runs.

    `env` goes to every process, `env_server` and `env_worker` to those of one role and override it.
    `cluster_key` (hexadecimal text) is what the processes of this job prove to each other that they belong to it;
    empty where they talk over loopback only. `replicas`: copies of all parameters on other servers. `max_restarts`: how
    many dead processes may be replaced. `grace`: seconds that the job may take to stop.
    """

    command: tuple[str, ...]
    num_workers: int
    num_servers: int
    root_uri: str
    root_port: int
    cluster: str
    cluster_key: str
    replicas: int = 0
    max_restarts: int = 0
    grace: float = 30.0
    env: Mapping[str, str] = field(default_factory=dict)
    env_server: Mapping[str, str] = field(default_factory=dict)
    env_worker: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One process of a job: its role, its rank within the role, its command and what it adds to the environment."""

    role: Role
    rank: int
    argv: tuple[str, ...]
    env: Mapping[str, str]

    @property
    def label(self) -> str:
        """The name shown to people: `worker 1`, `server 0`, `scheduler`."""
        return self.role if self.role == "scheduler" else f"{self.role} {self.rank}"


def make_tasks(job: Job, python: str = sys.executable) -> list[Task]:
    """Every process of the job in the order of its start: the scheduler, the servers, the workers.

    A job without servers has no scheduler either: its workers do not talk through a KVStore.
    python: the interpreter that runs `-m mxtrain_deploy server` and `scheduler`.
    """
    num_schedulers = 1 if job.num_servers else 0
    counts: tuple[tuple[Role, int], ...] = (
        ("scheduler", num_schedulers),
        ("server", job.num_servers),
        ("worker", job.num_workers),
    )
    return [make_task(job, role, rank, python) for role, count in counts for rank in range(count)]


def make_task(job: Job, role: Role, rank: int, python: str = sys.executable) -> Task:
    """One process of the job; a worker's rank may be beyond those that the job starts with: it joins later."""
    argv = job.command if role == "worker" else (python, "-m", "mxtrain_deploy", role)
    role_env = {"server": job.env_server, "worker": job.env_worker}.get(role, {})
    return Task(role, rank, argv, {**job.env, **role_env, **protocol_variables(job, role, rank)})


def protocol_variables(job: Job, role: Role, rank: int) -> dict[str, str]:
    """The variables by which a process learns its place in the job (MXNet's DMLC_* protocol).

    Source: names and meaning as the tracker of MXNet 1.9.1 sets them.
    """
    variables = {
        "DMLC_ROLE": role,
        "DMLC_PS_ROOT_URI": job.root_uri,
        "DMLC_PS_ROOT_PORT": str(job.root_port),
        "DMLC_NUM_WORKER": str(job.num_workers),
        "DMLC_NUM_SERVER": str(job.num_servers),
        "DMLC_JOB_CLUSTER": job.cluster,
        "DMLC_TASK_ID": str(rank),
    }
    if job.num_servers and "MXTRAIN_REPLICAS" not in job.env:
        variables["MXTRAIN_REPLICAS"] = str(job.replicas)
    if job.max_restarts and "MXTRAIN_REPLACE_TIMEOUT" not in {**os.environ, **job.env}:
        variables["MXTRAIN_REPLACE_TIMEOUT"] = str(REPLACE_TIMEOUT)
    if job.num_servers and "MXTRAIN_STOP_TIMEOUT" not in {**os.environ, **job.env}:
        variables["MXTRAIN_STOP_TIMEOUT"] = f"{max(job.grace - _RESERVE, job.grace / 2):g}"
    if job.cluster_key:
        variables["MXTRAIN_CLUSTER_KEY"] = job.cluster_key
    if role in _ID_VARIABLE:
        variables[_ID_VARIABLE[role]] = str(rank)
    return variables


def parse_assignments(texts: tuple[str, ...] | list[str], option: str) -> dict[str, str]:
    """Read NAME=VALUE, NAME:VALUE, or NAME alone (its value here is passed on) given to an `--env` option.

    Raises:
        LaunchError: the name is empty, or a name alone is not set in this environment.
    """
    assignments = {}
    for text in texts:
        cut = min((at for at in (text.find("="), text.find(":")) if at >= 0), default=len(text))
        name, value = text[:cut], text[cut + 1 :]
        if not name:
            raise LaunchError(f"{option}: expected NAME=VALUE or NAME. Received: {text!r}.")
        if cut == len(text):
            if name not in os.environ:
                raise LaunchError(f"{option} {name}: the variable is not set here; write {name}=VALUE.")
            value = os.environ[name]
        assignments[name] = value
    return assignments
