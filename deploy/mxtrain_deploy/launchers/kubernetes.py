"""Kubernetes: manifests of a secret, a service, a budget and one indexed job per role, for `kubectl apply`."""

import sys
from pathlib import Path
from typing import Any

from mxtrain_deploy.job import LaunchError, Role
from mxtrain_deploy.kubernetes_pods import DEFAULT_PORT, NAME, pod
from mxtrain_deploy.options import LaunchOptions
from mxtrain_deploy.supervised import max_restarts, new_key, num_replicas

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
    jobs = [_job(options, role, count) for role, count in counts]
    return [_secret(), *([_service(options), _budget(options)] if options.num_servers else []), *jobs]


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
            "selector": _labels("scheduler"),
            "ports": [{"name": "scheduler", "port": options.port or DEFAULT_PORT}],
        },
    }


def _budget(options: LaunchOptions) -> dict[str, Any]:
    """How many servers a drain of nodes must leave: one may go where another has copies of its parameters.

    For pods of a job Kubernetes takes a number that must stay, and none that may go.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(f"{NAME}-server"),
        "spec": {
            "minAvailable": options.num_servers - num_replicas(options),
            "selector": {"matchLabels": _labels("server")},
        },
    }


def _labels(role: Role) -> dict[str, str]:
    return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": role}


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
            # A pod that had to leave its node is replaced without being counted.
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "ttlSecondsAfterFinished": _KEEP_FINISHED,
            "template": {
                "metadata": {"labels": _labels(role)},
                "spec": pod(options, role),
            },
        },
    }
