"""One process of a job that a resource manager started: finds its place by the manager's variables and runs its task.

`python -m mxtrain_deploy.member -n WORKERS -s SERVERS --root-uri HOST --port PORT COMMAND`: the first process is the
scheduler, then come the servers, then the workers. `--role ROLE` makes all processes of this group take that role.
The cluster key comes by the environment, never by the command line. A task that is killed is started again here.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from functools import partial

from mxtrain_deploy.environment import inherited_environment, search_path, with_interpreter
from mxtrain_deploy.hosts import is_loopback
from mxtrain_deploy.job import Job, LaunchError, Role, Task, make_task, make_tasks
from mxtrain_deploy.options import DEFAULT_GRACE
from mxtrain_deploy.processes import LocalProcess
from mxtrain_deploy.supervised import supervise

# Where a process finds its number: Open MPI, other MPIs and Slurm, Slurm's srun, an indexed job of Kubernetes.
RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID", "PMI_RANK", "JOB_COMPLETION_INDEX")


def main() -> int:
    """Run the task of this process to its end; return its exit code."""
    arguments = _parse(sys.argv[1:])
    try:
        job = _job(arguments)
        task = find_task(job, rank_of(os.environ), arguments.role, _max_workers())
        return supervise([partial(LocalProcess, task, _environment(job, task))], job.max_restarts, job.grace)
    except LaunchError as error:
        sys.stderr.write(f"mxtrain member: {error}\n")
        return 2


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mxtrain_deploy.member", description="Run one process of a job.")
    parser.add_argument("-n", "--num-workers", type=int, required=True)
    parser.add_argument("-s", "--num-servers", type=int, required=True)
    parser.add_argument("--root-uri", required=True, help="the scheduler's address")
    parser.add_argument("--port", type=int, required=True, help="the scheduler's port")
    parser.add_argument("--cluster", required=True, help="what started the processes")
    parser.add_argument("--replicas", type=int, default=0)
    parser.add_argument("--max-restarts", type=int, default=0)
    parser.add_argument("--grace", type=float, default=DEFAULT_GRACE, help="seconds from a signal to SIGKILL")
    parser.add_argument("--role", choices=["scheduler", "server", "worker"])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args(words)


def _job(arguments: argparse.Namespace) -> Job:
    key = os.environ.get("MXTRAIN_CLUSTER_KEY", "")
    if not key and not is_loopback(arguments.root_uri):
        raise LaunchError(
            f"Expected a cluster key in MXTRAIN_CLUSTER_KEY, as the job leaves this machine (scheduler at "
            f"{arguments.root_uri}). Received: none."
        )
    return Job(
        command=with_interpreter(tuple(arguments.command), sys.executable),
        num_workers=arguments.num_workers,
        num_servers=arguments.num_servers,
        root_uri=arguments.root_uri,
        root_port=arguments.port,
        cluster=arguments.cluster,
        cluster_key=key,
        replicas=arguments.replicas,
        max_restarts=arguments.max_restarts,
        grace=arguments.grace,
    )


def rank_of(environment: Mapping[str, str]) -> int:
    """The number of this process among all that the resource manager started.

    Raises:
        LaunchError: no known variable holds one.
    """
    for name in RANK_VARIABLES:
        if environment.get(name, "").isdigit():
            return int(environment[name])
    raise LaunchError(f"Expected the number of this process in one of {', '.join(RANK_VARIABLES)}. Received: none.")


def find_task(job: Job, rank: int, role: Role | None = None, max_workers: int = 0) -> Task:
    """The task of the process with this number: among all tasks of the job, or among those of one role.

    max_workers: how many workers may be in the job when more join later.

    Raises:
        LaunchError: the job has no such task.
    """
    tasks = [task for task in make_tasks(job) if role in (None, task.role)]
    if role == "worker" and len(tasks) <= rank < max_workers:
        return make_task(job, role, rank)
    if rank >= len(tasks):
        raise LaunchError(f"Expected {len(tasks)} processes of {role or 'the job'}. Received: number {rank}.")
    return tasks[rank]


def _max_workers() -> int:
    given = os.environ.get("MXTRAIN_MAX_WORKERS", "")
    return int(given) if given.isdigit() else 0


def _environment(job: Job, task: Task) -> dict[str, str]:
    """The scheduler listens where the others look for it; each of the others finds its own address if not told."""
    env = {**inherited_environment(), "PATH": search_path()}
    if "DMLC_NODE_HOST" in os.environ:
        env["DMLC_NODE_HOST"] = os.environ["DMLC_NODE_HOST"]
    elif task.role == "scheduler" or is_loopback(job.root_uri):
        env["DMLC_NODE_HOST"] = job.root_uri
    return env


if __name__ == "__main__":
    sys.exit(main())
