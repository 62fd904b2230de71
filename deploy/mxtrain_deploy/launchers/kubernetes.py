"""Kubernetes: manifests of a secret, a service and one indexed job per role, for `kubectl apply`."""

import sys
from pathlib import Path
from typing import Any

from mxtrain_deploy.job import LaunchError, Role, parse_assignments
from mxtrain_deploy.member_command import member_command
from mxtrain_deploy.options import LaunchOptions
from mxtrain_deploy.supervised import max_restarts, new_key

NAME = "mxtrain"
DEFAULT_IMAGE = "mxtrain"
DEFAULT_PORT = 9091
_KEEP_FINISHED = 3600  # seconds that ended jobs stay to be looked at


def run(options: LaunchOptions) -> int:
    """Write the manifests to the file `output`, or print them.

    Raises:
        LaunchError: the package PyYAML is missing, or the options ask for what manifests cannot say.
    """
    try:
        import yaml
    except ImportError as error:
        raise LaunchError("--launcher kubernetes needs PyYAML: pip install 'mxtrain[kubernetes]'.") from error
    text = yaml.safe_dump_all(manifests(options), sort_keys=False)
    if not options.output:
        sys.stdout.write(text)
        return 0
    # The file holds the cluster key.
    Path(options.output).touch(mode=0o600)
    Path(options.output).write_text(text)
    sys.stdout.write(f"Wrote {options.output}; start the job by: kubectl apply -f {options.output}\n")
    return 0


def manifests(options: LaunchOptions) -> list[dict[str, Any]]:
    """The objects of the job, as Kubernetes takes them. Each job of it has a cluster key of its own."""
    counts: list[tuple[Role, int]] = [("worker", options.num_workers)]
    if options.num_servers:
        counts = [("scheduler", 1), ("server", options.num_servers), *counts]
    return [_secret(), _service(options), *(_job(options, role, count) for role, count in counts)]


def _metadata(name: str) -> dict[str, Any]:
    return {"name": name, "labels": {"app.kubernetes.io/name": NAME}}


def _secret() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(f"{NAME}-key"),
        "type": "Opaque",
        "stringData": {"key": new_key()},
    }


def _service(options: LaunchOptions) -> dict[str, Any]:
    """The scheduler's name within the cluster; it has no address of its own, so that the pod's is found by it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(f"{NAME}-scheduler"),
        "spec": {
            "clusterIP": "None",
            # Found before it is ready: the others wait for it to answer.
            "publishNotReadyAddresses": True,
            "selector": {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "scheduler"},
            "ports": [{"name": "scheduler", "port": options.port or DEFAULT_PORT}],
        },
    }


def _job(options: LaunchOptions, role: Role, count: int) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(f"{NAME}-{role}"),
        "spec": {
            "completions": count,
            "parallelism": count,
            "completionMode": "Indexed",
            "backoffLimit": max_restarts(options),
            "ttlSecondsAfterFinished": _KEEP_FINISHED,
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": role}},
                "spec": _pod(options, role),
            },
        },
    }


def _pod(options: LaunchOptions, role: Role) -> dict[str, Any]:
    root_uri = options.root_uri or f"{NAME}-scheduler"
    member = member_command(options, "python", root_uri, str(options.port or DEFAULT_PORT))
    container = {
        "name": role,
        "image": options.image or DEFAULT_IMAGE,
        "command": [*member, "--role", role, *options.command],
        "env": _environment(options, role),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        # A pod that is replaced keeps its index, and with it its rank.
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
        "containers": [container],
    }


def _environment(options: LaunchOptions, role: Role) -> list[dict[str, Any]]:
    own = {"server": options.env_server, "worker": options.env_worker}.get(role, ())
    given = {
        "PYTHONUNBUFFERED": "1",
        **parse_assignments(tuple(options.env), "--env"),
        **parse_assignments(tuple(own), f"--env-{role}"),
    }
    return [
        *({"name": name, "value": value} for name, value in given.items()),
        {"name": "MXTRAIN_CLUSTER_KEY", "valueFrom": {"secretKeyRef": {"name": f"{NAME}-key", "key": "key"}}},
        # Where the others reach this process, and for the scheduler what its service's name stands for.
        {"name": "DMLC_NODE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
