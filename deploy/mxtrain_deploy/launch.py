"""Starts a job as its options say and watches it to its end."""

import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from mxtrain_deploy.hosts import Host, copy_directory, free_port, is_loopback, own_address, read_hosts
from mxtrain_deploy.job import Job, LaunchError, Task, make_tasks, parse_assignments
from mxtrain_deploy.output import Screen
from mxtrain_deploy.processes import LocalProcess, RemoteProcess, TaskProcess
from mxtrain_deploy.supervisor import Supervisor

LOOPBACK = "127.0.0.1"
_KEY_BYTES = 32
DEFAULT_RESTARTS = 3
# Both namings of a process's place in a job: what another job has set must not reach this one.
_PLACE = frozenset(
    f"MXTRAIN_{name}"
    for name in ("ROLE", "SCHEDULER_HOST", "SCHEDULER_PORT", "NUM_WORKERS", "NUM_SERVERS", "WORKER_RANK", "SERVER_RANK",
                 "TASK_ID", "NODE_HOST")
)  # fmt: skip
# Variables of this environment that go to other hosts without being asked for.
_PASSED_PREFIXES = ("MXNET_", "MXTRAIN_", "PS_", "OMP_", "DMLC_PS_VAN_TYPE", "DMLC_INTERFACE")


@dataclass(frozen=True)
class LaunchOptions:
    """What a user asks of the launcher; see `mxtrain launch --help`."""

    command: tuple[str, ...]
    num_workers: int
    num_servers: int
    launcher: Literal["local", "ssh"] = "local"
    hostfile: str | None = None
    root_uri: str | None = None
    port: int | None = None
    replicas: int | None = None
    max_restarts: int | None = None
    env: Sequence[str] = ()
    env_server: Sequence[str] = ()
    env_worker: Sequence[str] = ()
    sync_dst_dir: str | None = None
    remote_python: str = field(default=sys.executable)


def launch(options: LaunchOptions) -> int:
    """Run the job to its end; return the exit code (see `Supervisor.run`).

    Raises:
        LaunchError: the job cannot be started as asked.
    """
    _check(options)
    starters = _local_starters(options) if options.launcher == "local" else _ssh_starters(options)
    screen = Screen(sys.stdout.buffer, sys.stderr.buffer)
    try:
        return Supervisor(screen, _max_restarts(options)).run(starters)
    finally:
        if screen.closed:
            _discard_output()


def _discard_output() -> None:
    """Send to nowhere what the interpreter still holds for a reader that has gone, so that its exit code stays ours."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _check(options: LaunchOptions) -> None:
    if options.num_workers < 1:
        raise LaunchError(f"-n: expected at least 1 worker. Received: {options.num_workers}.")
    if options.num_servers < 0:
        raise LaunchError(f"-s: expected 0 or more servers. Received: {options.num_servers}.")
    if options.replicas and options.num_servers < 2:
        raise LaunchError(
            f"--replicas: expected at least 2 servers for copies on another server. Received: {options.num_servers}."
        )
    if options.max_restarts and not options.num_servers:
        raise LaunchError("--max-restarts: expected servers that keep the training's state. Received: -s 0.")
    if not options.command:
        raise LaunchError("Expected the workers' command after the options. Received: nothing.")
    if options.launcher == "ssh" and options.hostfile is None:
        raise LaunchError("--launcher ssh: expected a host file (-H FILE, one host a line). Received: none.")


def cluster_key(addresses: Sequence[str]) -> str:
    """The key by which the processes of a job know each other; empty where all of them talk over loopback.

    A key that the environment holds is kept; else each job gets a new one.
    """
    given = os.environ.get("MXTRAIN_CLUSTER_KEY", "")
    return given or ("" if all(map(is_loopback, addresses)) else secrets.token_hex(_KEY_BYTES))


def _make_job(options: LaunchOptions, root_uri: str, hosts: Sequence[Host] = ()) -> Job:
    return Job(
        command=options.command,
        num_workers=options.num_workers,
        num_servers=options.num_servers,
        root_uri=root_uri,
        root_port=options.port or free_port(root_uri),
        cluster=options.launcher,
        replicas=_replicas(options),
        max_restarts=_max_restarts(options),
        cluster_key=cluster_key([root_uri, *(host.address for host in hosts)]),
        env=parse_assignments(tuple(options.env), "--env"),
        env_server=parse_assignments(tuple(options.env_server), "--env-server"),
        env_worker=parse_assignments(tuple(options.env_worker), "--env-worker"),
    )


def _replicas(options: LaunchOptions) -> int:
    """Copies of all parameters: as asked; else one where there is a server to hold it."""
    if options.replicas is not None:
        return options.replicas
    given = os.environ.get("MXTRAIN_REPLICAS", "")
    return int(given) if given.isdigit() else int(options.num_servers > 1)


def _max_restarts(options: LaunchOptions) -> int:
    """How many dead processes are replaced: as asked; else a few where the death of any one costs nothing."""
    if options.max_restarts is None:
        return DEFAULT_RESTARTS if _replicas(options) else 0
    return options.max_restarts


def _local_starters(options: LaunchOptions) -> list[Callable[[], TaskProcess]]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    options = replace(options, command=_with_interpreter(options.command, sys.executable))
    _check_program(options.command[0], path)
    job = _make_job(options, options.root_uri or LOOPBACK)
    env = {**_inherited_environment(), "PATH": path, "DMLC_NODE_HOST": job.root_uri}
    return [
        partial(LocalProcess, task, {**_share_of_cores(task.role, job.num_workers), **env}) for task in make_tasks(job)
    ]


def _with_interpreter(command: tuple[str, ...], python: str) -> tuple[str, ...]:
    """Let a script's name stand for `python SCRIPT`."""
    return (python, *command) if command[0].endswith(".py") else command


def _check_program(name: str, path: str) -> None:
    """Find the program before anything is started.

    Raises:
        LaunchError: there is no such program.
    """
    if shutil.which(name, path=path) is None:
        raise LaunchError(f"The workers' command {name!r} was not found on PATH or may not be executed.")


def _inherited_environment() -> dict[str, str]:
    """This environment, without another job's place in it, and with output that arrives when it is printed."""
    env = {name: value for name, value in os.environ.items() if not _is_place(name)}
    env.setdefault("PYTHONUNBUFFERED", "1")
    if sys.stderr.isatty():
        # A progress bar of a worker finds no terminal to ask for its width.
        env.setdefault("COLUMNS", str(shutil.get_terminal_size().columns - len("[worker 00] ")))
    return env


def _is_place(name: str) -> bool:
    return name in _PLACE or (name.startswith("DMLC_") and not name.startswith(_PASSED_PREFIXES))


def _is_passed(name: str) -> bool:
    return name.startswith(_PASSED_PREFIXES) and not _is_place(name)


def _share_of_cores(role: str, num_workers: int) -> dict[str, str]:
    """Threads for each process of one machine, so that the workers' matrix products do not fight for cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, cores // num_workers) if role == "worker" else 1
    return {"OMP_NUM_THREADS": str(threads)}


def _ssh_starters(options: LaunchOptions) -> list[Callable[[], TaskProcess]]:
    """The scheduler here; servers, then workers, on the hosts in turn."""
    hosts = read_hosts(str(options.hostfile))
    options = replace(options, command=_with_interpreter(options.command, options.remote_python))
    job = _make_job(options, options.root_uri or _address_for(hosts), hosts)
    directory = options.sync_dst_dir or os.getcwd()
    if options.sync_dst_dir:
        for host in dict.fromkeys(hosts):
            copy_directory(host, os.getcwd(), options.sync_dst_dir)
    passed = {name: value for name, value in os.environ.items() if _is_passed(name)}
    job = replace(job, env={"PYTHONUNBUFFERED": "1", **passed, **job.env})
    return _place(make_tasks(job, options.remote_python), hosts, job, directory, options.remote_python)


def _address_for(hosts: list[Host]) -> str:
    others = [host.address for host in hosts if not is_loopback(host.address)]
    return own_address(others[0]) if others else LOOPBACK


def _place(
    tasks: list[Task], hosts: list[Host], job: Job, directory: str, remote_python: str
) -> list[Callable[[], TaskProcess]]:
    starters: list[Callable[[], TaskProcess]] = []
    remote = [task for task in tasks if task.role != "scheduler"]
    for task in tasks:
        if task.role == "scheduler":
            local = replace(
                task, argv=(sys.executable, *task.argv[1:]), env={**task.env, "DMLC_NODE_HOST": job.root_uri}
            )
            starters.append(partial(LocalProcess, local, _inherited_environment()))
            continue
        host = hosts[remote.index(task) % len(hosts)]
        there = replace(task, env={**task.env, "DMLC_NODE_HOST": host.address})
        command = host.ssh_command(shlex.quote(remote_python), "-m", "mxtrain_deploy.remote")
        starters.append(partial(RemoteProcess, there, host.name, command, directory))
    return starters
