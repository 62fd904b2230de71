"""All processes on this machine."""

import sys
from dataclasses import replace
from functools import partial

from mxtrain_deploy.environment import (
    check_program,
    check_script,
    inherited_environment,
    search_path,
    share_of_cores,
    with_interpreter,
)
from mxtrain_deploy.hosts import LOOPBACK
from mxtrain_deploy.job import make_tasks
from mxtrain_deploy.options import LaunchOptions
from mxtrain_deploy.processes import LocalProcess
from mxtrain_deploy.supervised import grace, make_job, max_restarts, supervise


def run(options: LaunchOptions) -> int:
    """Run the job to its end; return its exit code.

    Raises:
        LaunchError: the workers' command does not exist, or a process could not be started.
    """
    path = search_path()
    check_script(options.command)
    options = replace(options, command=with_interpreter(options.command, sys.executable))
    check_program(options.command[0], path)
    job = make_job(options, options.root_uri or LOOPBACK)
    env = {**inherited_environment(), "PATH": path, "DMLC_NODE_HOST": job.root_uri}
    tasks = make_tasks(job)
    starters = [partial(LocalProcess, task, {**share_of_cores(task.role, job.num_workers), **env}) for task in tasks]
    return supervise(starters, max_restarts(options), grace(options))
