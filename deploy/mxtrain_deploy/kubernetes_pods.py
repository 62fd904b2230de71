"""The pods of a job on Kubernetes: commands, variables, probes, resources, and what they may do."""

import math
import shlex
from typing import Any

from mxtrain_deploy.job import LaunchError, Role, parse_assignments
from mxtrain_deploy.member_command import member_command
from mxtrain_deploy.options import LaunchOptions

NAME = "mxtrain"
DEFAULT_IMAGE = "mxtrain"
DEFAULT_PORT = 9091
#: Workers that may be in the job when more join later, where the user does not say.
DEFAULT_MAX_WORKERS = 16
#: What a container asks for. Workers' are the user's (`--launcher-args "cpu=4 memory=8Gi nvidia.com/gpu=1"`).
_REQUESTS: dict[Role, dict[str, str]] = {
    "scheduler": {"cpu": "100m", "memory": "256Mi"},
    "server": {"cpu": "1", "memory": "1Gi"},
    "worker": {"cpu": "1", "memory": "1Gi"},
}


def pod(options: LaunchOptions, role: Role) -> dict[str, Any]:
    """What a pod of a role consists of.

    Raises:
        LaunchError: a resource or variable is not written as NAME=VALUE.
    """
    root_uri = options.root_uri or f"{NAME}-scheduler"
    member = member_command(options, "python", root_uri, str(options.port or DEFAULT_PORT))
    container = {
        "name": role,
        "image": options.image or DEFAULT_IMAGE,
        "command": [*member, "--role", role, *options.command],
        "env": _environment(options, role),
        "resources": _resources(options, role),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        **(_listening(options) if role == "scheduler" else {}),
    }
    return {
        # A pod that is replaced keeps its index, and with it its rank.
        "restartPolicy": "Never",
        # The task is ended by the process that watches it, some time before.
        "terminationGracePeriodSeconds": math.ceil(options.grace) + 5,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "fsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }


def _listening(options: LaunchOptions) -> dict[str, Any]:
    port = options.port or DEFAULT_PORT
    probe = {"tcpSocket": {"port": port}, "periodSeconds": 10, "timeoutSeconds": 5}
    return {
        "ports": [{"name": "scheduler", "containerPort": port}],
        "readinessProbe": {**probe, "periodSeconds": 5},
        # One that hangs is ended, and a new one takes over the job.
        "livenessProbe": {**probe, "initialDelaySeconds": 30, "failureThreshold": 3},
    }


def _resources(options: LaunchOptions, role: Role) -> dict[str, Any]:
    """Memory and devices (GPUs) are limits, too; idle processors may be used by anybody."""
    requests = dict(_REQUESTS[role])
    if role == "worker":
        requests |= parse_assignments(shlex.split(options.launcher_args), "--launcher-args")
    limits = {name: value for name, value in requests.items() if name == "memory" or "/" in name}
    return {"requests": requests, "limits": limits}


def _environment(options: LaunchOptions, role: Role) -> list[dict[str, Any]]:
    own = {"server": options.env_server, "worker": options.env_worker}.get(role, ())
    given = {
        "PYTHONUNBUFFERED": "1",
        "MXTRAIN_MAX_WORKERS": str(max(DEFAULT_MAX_WORKERS, options.num_workers)),
        **parse_assignments(tuple(options.env), "--env"),
        **parse_assignments(tuple(own), f"--env-{role}"),
    }
    if not given["MXTRAIN_MAX_WORKERS"].isdigit():
        raise LaunchError(f"--env MXTRAIN_MAX_WORKERS: expected a number. Received: {given['MXTRAIN_MAX_WORKERS']!r}.")
    return [
        *({"name": name, "value": value} for name, value in given.items()),
        {"name": "MXTRAIN_CLUSTER_KEY", "valueFrom": {"secretKeyRef": {"name": f"{NAME}-key", "key": "key"}}},
        # Where the others reach this process, and where the scheduler listens: its service's name stands for that.
        {"name": "DMLC_NODE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
