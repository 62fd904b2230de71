"""Ray: every process under an actor of an existing Ray cluster, which places it and starts it again."""

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mxtrain_deploy.environment import passed_environment, with_interpreter
from mxtrain_deploy.job import LaunchError, Task, make_tasks
from mxtrain_deploy.options import LaunchOptions
from mxtrain_deploy.ray_member import run_task
from mxtrain_deploy.supervised import make_job, max_restarts
from mxtrain_deploy.supervisor import LINGER


def run(options: LaunchOptions) -> int:
    """Run the job to its end on the cluster that RAY_ADDRESS names (by default the one of this machine).

    The scheduler stays on this machine's node, where the others look for it. The first process that fails ends the job.

    Raises:
        LaunchError: the package ray is missing, or there is no cluster.
    """
    # each line of each process is of interest, however much it is like another's
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    try:
        import ray
    except ImportError as error:
        raise LaunchError("--launcher ray needs the package ray: pip install 'mxtrain[ray]'.") from error
    try:
        ray.init(address="auto", log_to_driver=True, logging_level=logging.WARNING)
    except ConnectionError as error:
        raise LaunchError(f"--launcher ray: {error} Start one by `ray start --head`.") from error
    try:
        return _run(ray, options)
    finally:
        ray.shutdown()


def _run(ray: Any, options: LaunchOptions) -> int:
    options = replace(options, command=with_interpreter(options.command, options.remote_python))
    job = make_job(options, options.root_uri or ray.util.get_node_ip_address())
    job = replace(job, env={**passed_environment(), **job.env})
    tasks = make_tasks(job, options.remote_python)
    actors = [_actor(ray, task, max_restarts(options)) for task in tasks]
    here = {"DMLC_NODE_HOST": job.root_uri}
    results = [
        actor.run.remote(list(task.argv), {**task.env, **(here if task.role == "scheduler" else {})}, task.label)
        for task, actor in zip(tasks, actors, strict=True)
    ]
    try:
        return _wait(ray, tasks, results)
    finally:
        for actor in actors:
            ray.kill(actor)


def _actor(ray: Any, task: Task, restarts: int) -> Any:
    """An actor for one task; Ray starts it again, task and all, where its process or its machine dies."""
    placed: dict[str, Any] = {}
    if task.role == "scheduler":
        node = ray.get_runtime_context().get_node_id()
        placed["scheduling_strategy"] = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)

    class Member:
        """Runs one task."""

        def run(self, argv: list[str], env: dict[str, str], label: str) -> int:
            """Run the task to its end; return its exit code."""
            return run_task(argv, env, label)

    cpus = 1 if task.role == "worker" else 0
    return (
        ray.remote(Member).options(num_cpus=cpus, max_restarts=restarts, max_task_retries=restarts, **placed).remote()
    )


def _wait(ray: Any, tasks: Sequence[Task], results: list[Any]) -> int:
    """Wait for the workers, or for the first process that fails; return the exit code of the job."""
    open_results = dict(zip(results, tasks, strict=True))
    while any(task.role == "worker" for task in open_results.values()):
        (done,), _ = ray.wait(list(open_results), num_returns=1)
        task = open_results.pop(done)
        try:
            code = ray.get(done)
        except ray.exceptions.RayActorError as error:
            sys.stderr.write(f"mxtrain: {task.label} died: {error}. Ending the job.\n")
            return 1
        if code:
            sys.stderr.write(f"mxtrain: {task.label} died: exit code {code}. Ending the job.\n")
            return int(code)
    # Servers and scheduler end by themselves after the last worker.
    if open_results:
        ray.wait(list(open_results), num_returns=len(open_results), timeout=LINGER)
    return 0
