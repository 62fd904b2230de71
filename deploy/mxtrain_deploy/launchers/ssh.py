"""The scheduler here; servers, then workers, on the hosts of a file in turn, over ssh."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from mxtrain_deploy.environment import inherited_environment, passed_environment, with_interpreter
from mxtrain_deploy.hosts import LOOPBACK, Host, copy_directory, is_loopback, own_address, read_hosts
from mxtrain_deploy.job import Job, LaunchError, Task, make_tasks
from mxtrain_deploy.options import LaunchOptions
from mxtrain_deploy.processes import LocalProcess, RemoteProcess, TaskProcess
from mxtrain_deploy.supervised import grace, make_job, max_restarts, supervise


def run(options: LaunchOptions) -> int:
    """Run the job to its end; return its exit code.

    Raises:
        LaunchError: there is no host file, a directory could not be copied, or a process could not be started.
    """
    if options.hostfile is None:
        raise LaunchError("--launcher ssh: expected a host file (-H FILE, one host a line). Received: none.")
    hosts = read_hosts(options.hostfile)
    options = replace(options, command=with_interpreter(options.command, options.remote_python))
    job = make_job(options, options.root_uri or _address_for(hosts), hosts)
    if options.sync_dst_dir:
        for host in dict.fromkeys(hosts):
            copy_directory(host, os.getcwd(), options.sync_dst_dir)
    job = replace(job, env={**passed_environment(), **job.env})
    return supervise(_place(job, hosts, options), max_restarts(options), grace(options))


def _address_for(hosts: Sequence[Host]) -> str:
    others = [host.address for host in hosts if not is_loopback(host.address)]
    return own_address(others[0]) if others else LOOPBACK


def _place(job: Job, hosts: Sequence[Host], options: LaunchOptions) -> list[Callable[[], TaskProcess]]:
    tasks = make_tasks(job, options.remote_python)
    starters: list[Callable[[], TaskProcess]] = [
        partial(LocalProcess, _scheduler_here(task, job), inherited_environment())
        for task in tasks
        if task.role == "scheduler"
    ]
    directory = options.sync_dst_dir or os.getcwd()
    remote = [task for task in tasks if task.role != "scheduler"]
    for index, task in enumerate(remote):
        host = hosts[index % len(hosts)]
        there = replace(task, env={**task.env, "DMLC_NODE_HOST": host.address})
        command = host.ssh_command(shlex.quote(options.remote_python), "-m", "mxtrain_deploy.remote")
        starters.append(partial(RemoteProcess, there, host.name, command, directory))
    return starters


def _scheduler_here(task: Task, job: Job) -> Task:
    return replace(task, argv=(sys.executable, *task.argv[1:]), env={**task.env, "DMLC_NODE_HOST": job.root_uri})
