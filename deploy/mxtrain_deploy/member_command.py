"""The command line by which a resource manager starts the processes of a job."""

from mxtrain_deploy.job import LaunchError, parse_assignments
from mxtrain_deploy.options import LaunchOptions
from mxtrain_deploy.supervised import max_restarts, num_replicas


def member_command(options: LaunchOptions, python: str, root_uri: str, port: str) -> list[str]:
    """`python -m mxtrain_deploy.member ...`, the same for every process. root_uri and port may be shell variables."""
    counts = ["-n", str(options.num_workers), "-s", str(options.num_servers)]
    place = ["--root-uri", root_uri, "--port", port, "--cluster", options.launcher]
    faults = ["--replicas", str(num_replicas(options)), "--max-restarts", str(max_restarts(options))]
    ending = ["--grace", f"{options.grace:g}"]
    return [python, "-m", "mxtrain_deploy.member", *counts, *place, *faults, *ending]


def shared_variables(options: LaunchOptions) -> dict[str, str]:
    """The variables of `--env`, which every process gets.

    Raises:
        LaunchError: variables for one role are asked for: here all processes are started by one command.
    """
    if options.env_server or options.env_worker:
        raise LaunchError(f"--launcher {options.launcher}: --env-server and --env-worker are not supported; use --env.")
    return parse_assignments(tuple(options.env), "--env")


def num_processes(options: LaunchOptions) -> int:
    """How many processes the job has: workers, servers, and a scheduler where there are servers."""
    return options.num_workers + options.num_servers + int(options.num_servers > 0)
