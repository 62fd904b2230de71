"""Starts a job as its options say."""

from dataclasses import replace
from importlib import import_module

from mxtrain_deploy.job import LaunchError
from mxtrain_deploy.options import LaunchOptions


def launch(options: LaunchOptions) -> int:
    """Run the job to its end by the launcher that the options name; return the exit code.

    Raises:
        LaunchError: the job cannot be started as asked.
    """
    _check(options)
    if options.max_servers:
        options = replace(options, env=(*options.env, f"MXTRAIN_MAX_SERVERS={options.max_servers}"))
    # Each launcher is imported only when it is used: some need packages that the others do without.
    return int(import_module(f"mxtrain_deploy.launchers.{options.launcher}").run(options))


def _check(options: LaunchOptions) -> None:
    if options.num_workers < 1:
        raise LaunchError(f"-n: expected at least 1 worker. Received: {options.num_workers}.")
    if options.num_servers < 0:
        raise LaunchError(f"-s: expected 0 or more servers. Received: {options.num_servers}.")
    if options.replicas and options.num_servers < 2:
        raise LaunchError(
            f"--replicas: expected at least 2 servers for copies on another server. Received: {options.num_servers}."
        )
    if options.max_servers and not 0 < options.num_servers <= options.max_servers:
        raise LaunchError(
            f"--max-servers: expected at least the number of servers at the start, {options.num_servers}, which is "
            f"not 0. Received: {options.max_servers}."
        )
    if options.max_restarts and not options.num_servers:
        raise LaunchError("--max-restarts: expected servers that keep the training's state. Received: -s 0.")
    if not options.command:
        raise LaunchError("Expected the workers' command after the options. Received: nothing.")
