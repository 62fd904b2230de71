"""`mpirun` starts every process: the scheduler first, on the first host, then the servers and the workers."""

import os
import secrets
import shlex
import shutil
import sys

from mxtrain_deploy.environment import passed_environment
from mxtrain_deploy.hosts import LOOPBACK, free_port, is_loopback, read_hosts
from mxtrain_deploy.job import LaunchError
from mxtrain_deploy.member_command import member_command, num_processes, shared_variables
from mxtrain_deploy.options import LaunchOptions
from mxtrain_deploy.supervised import cluster_key

# From here on ports are tried where the first host is not this machine; below Linux's range for outgoing connections.
_FIRST_PORT, _NUM_PORTS = 20000, 12000


def run(options: LaunchOptions) -> int:
    """Become `mpirun`, which then runs the job to its end. `launcher_args` are words for it.

    Raises:
        LaunchError: there is no `mpirun`, or the host file cannot be read.
    """
    mpirun = shutil.which("mpirun")
    if mpirun is None:
        raise LaunchError("--launcher mpi: mpirun was not found on PATH. Install Open MPI (Debian: openmpi-bin).")
    hosts = [host.address for host in read_hosts(options.hostfile)] if options.hostfile else [LOOPBACK]
    root_uri = options.root_uri or hosts[0]
    environment = _environment(options, cluster_key([root_uri, *hosts]))
    words = mpirun_command(options, root_uri, _port(options, root_uri), list(environment))
    sys.stdout.flush()
    os.execve(mpirun, words, {**os.environ, **environment})


def mpirun_command(options: LaunchOptions, root_uri: str, port: int, variables: list[str]) -> list[str]:
    """The words of `mpirun`. Variables are handed on by name: their values stand on no command line."""
    hostfile = ["--hostfile", options.hostfile] if options.hostfile else []
    exported = [word for name in variables for word in ("-x", name)]
    count = ["-n", str(num_processes(options))]
    member = member_command(options, options.remote_python, root_uri, str(port))
    return ["mpirun", *hostfile, *shlex.split(options.launcher_args), *exported, *count, *member, *options.command]


def _environment(options: LaunchOptions, key: str) -> dict[str, str]:
    given = shared_variables(options)
    return {**passed_environment(), **given, **({"MXTRAIN_CLUSTER_KEY": key} if key else {})}


def _port(options: LaunchOptions, root_uri: str) -> int:
    if options.port:
        return options.port
    return free_port(root_uri) if is_loopback(root_uri) else _FIRST_PORT + secrets.randbelow(_NUM_PORTS)
