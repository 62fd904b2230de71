"""`add_server`: one more server for a job that runs on this machine."""

import os

from mxtrain_deploy.job import LaunchError
from mxtrain_deploy.status.local_jobs import local_schedulers, variables_of
from mxtrain_server.main import serve_role

_PREFIXES = ("DMLC_", "MXTRAIN_", "MXNET_", "PS_")
#: What a process has for itself alone, and a newcomer must not take from the scheduler.
_OWN = {"ROLE", "TASK_ID", "SERVER_ID", "SERVER_RANK", "WORKER_ID", "WORKER_RANK"}


def add_server(port: int | None) -> int:
    """Serve, with the variables of the scheduler that runs here, until the job ends; returns the exit code.

    port: the scheduler's, where there are several.

    Raises:
        LaunchError: there is no job here, or there are several.
    """
    found = [(pid, settings) for pid, settings in local_schedulers() if port in (None, settings.scheduler_port)]
    if len(found) != 1:
        ports = ", ".join(str(settings.scheduler_port) for _, settings in found) or "none"
        raise LaunchError(
            f"Expected: one job of this user on this machine (--port PORT says which). Received: {ports}. For a job "
            "elsewhere run `mxtrain server` with its variables: DMLC_PS_ROOT_URI, DMLC_PS_ROOT_PORT, DMLC_NUM_WORKER, "
            "DMLC_NUM_SERVER, MXTRAIN_CLUSTER_KEY, ..."
        )
    os.environ.update(newcomer_variables(variables_of(found[0][0])))
    return serve_role("server")


def newcomer_variables(variables: dict[str, str]) -> dict[str, str]:
    """The variables of a job, as one more server needs them, from those of another process."""
    mine = {name: value for name, value in variables.items() if name.startswith(_PREFIXES)}
    return {name: value for name, value in mine.items() if name.partition("_")[2] not in _OWN} | {"DMLC_ROLE": "server"}
