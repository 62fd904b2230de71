"""A job whose processes this launcher starts and watches itself."""

import os
import secrets
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from mxtrain_deploy.hosts import Host, free_port, is_loopback
from mxtrain_deploy.job import Job, LaunchError, parse_assignments
from mxtrain_deploy.options import DEFAULT_RESTARTS, LaunchOptions
from mxtrain_deploy.output import Screen
from mxtrain_deploy.processes import TaskProcess
from mxtrain_deploy.supervisor import KILL_AFTER, Supervisor

_KEY_BYTES = 32


def supervise(starters: Sequence[Callable[[], TaskProcess]], max_restarts: int, grace: float) -> int:
    """Start the processes and watch them to their end; return the exit code (see `Supervisor.run`).

    Raises:
        LaunchError: a process could not be started.
    """
    screen = Screen(sys.stdout.buffer, sys.stderr.buffer)
    try:
        return Supervisor(screen, max_restarts, grace).run(starters)
    finally:
        if screen.closed:
            _discard_output()


def _discard_output() -> None:
    """Send to nowhere what the interpreter still holds for a reader that has gone, so that its exit code stays ours."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def new_key() -> str:
    """A cluster key: 32 random bytes as hexadecimal text."""
    return secrets.token_hex(_KEY_BYTES)


def cluster_key(addresses: Sequence[str]) -> str:
    """The key by which the processes of a job know each other; empty where all of them talk over loopback.

    A key that the environment holds is kept; else each job gets a new one.

    Raises:
        LaunchError: there is a key, and nothing to encrypt with.
    """
    key = os.environ.get("MXTRAIN_CLUSTER_KEY", "") or ("" if all(map(is_loopback, addresses)) else new_key())
    if key and find_spec("cryptography") is None:
        raise LaunchError(
            "A job with a cluster key is encrypted. Install what that needs: pip install 'mxtrain[cluster]'."
        )
    return key


def make_job(options: LaunchOptions, root_uri: str, hosts: Sequence[Host] = ()) -> Job:
    """The job that the options describe, with its scheduler at root_uri, an address of this machine."""
    return Job(
        command=options.command,
        num_workers=options.num_workers,
        num_servers=options.num_servers,
        root_uri=root_uri,
        root_port=options.port or free_port(root_uri),
        cluster=options.launcher,
        replicas=num_replicas(options),
        max_restarts=max_restarts(options),
        grace=options.grace,
        cluster_key=cluster_key([root_uri, *(host.address for host in hosts)]),
        env=parse_assignments(tuple(options.env), "--env"),
        env_server=parse_assignments(tuple(options.env_server), "--env-server"),
        env_worker=parse_assignments(tuple(options.env_worker), "--env-worker"),
    )


def grace(options: LaunchOptions) -> float:
    """Seconds between the first signal and SIGKILL: workers without servers have no job that could stop in order."""
    return options.grace if options.num_servers else KILL_AFTER


def num_replicas(options: LaunchOptions) -> int:
    """Copies of all parameters: as asked; else one where there is a server to hold it."""
    if options.replicas is not None:
        return options.replicas
    given = os.environ.get("MXTRAIN_REPLICAS", "")
    return int(given) if given.isdigit() else int(options.num_servers > 1)


def max_restarts(options: LaunchOptions) -> int:
    """How many dead processes are replaced: as asked; else a few where the death of any one costs nothing."""
    if options.max_restarts is None:
        return DEFAULT_RESTARTS if num_replicas(options) else 0
    return options.max_restarts
