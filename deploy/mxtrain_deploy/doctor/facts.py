"""What a host tells of itself: versions, memory, limits, clock, devices; runs on that host."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import importlib.metadata
import os
import platform
import resource
import socket
from typing import Any

#: Distributions whose versions matter to a job; those after the first five only for some.
PACKAGES = ("mxtrain", "numpy", "pyzmq", "grpcio", "protobuf", "msgpack", "cryptography", "prometheus_client")
LIMITS = {"open files": resource.RLIMIT_NOFILE, "processes": resource.RLIMIT_NPROC}


def facts(nonce: str) -> dict[str, Any]:
    """Plain values. nonce: makes the digest of the cluster key one that tells nothing to others."""
    return {
        "hostname": socket.gethostname(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": {name: _version(name) for name in PACKAGES},
        "curve": _has_curve(),
        "tls": _imports("cryptography.x509"),
        "key": _key_digest(nonce),
        "cores": len(os.sched_getaffinity(0)),
        "shared_memory": _shared_memory(),
        "memfd": hasattr(os, "memfd_create"),
        "limits": {name: resource.getrlimit(number)[0] for name, number in LIMITS.items()},
        "gpu": _gpu(),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _imports(name: str) -> bool:
    """Whether a module can be imported; a broken installation cannot, whatever it raises."""
    try:
        importlib.import_module(name)
    except Exception:  # noqa: BLE001 - a wheel for another machine raises anything
        return False
    return True


def _has_curve() -> bool:
    if not _imports("mxtrain_kvstore.transport.curve"):
        return False
    from mxtrain_kvstore.transport.curve import has_curve

    return has_curve()


def _key_digest(nonce: str) -> str | None:
    key = os.environ.get("MXTRAIN_CLUSTER_KEY")
    return hmac.new(key.encode(), nonce.encode(), hashlib.sha256).hexdigest() if key else None


def _shared_memory() -> dict[str, int] | None:
    """Bytes of /dev/shm; None where there is none."""
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return None
    return {"total": found.f_blocks * found.f_frsize, "free": found.f_bavail * found.f_frsize}


def _gpu() -> dict[str, Any]:
    """driver: the kernel knows NVIDIA devices; usable: how many `mx.gpu()` can use; problem: why not."""
    driver = os.path.exists("/proc/driver/nvidia/version") or os.path.exists("/dev/nvidia0")
    try:
        from mxtrain.context import num_gpus

        return {"driver": driver, "cupy": _imports("cupy"), "usable": num_gpus(), "problem": ""}
    except Exception as error:  # noqa: BLE001 - whatever a broken CUDA installation raises is what people must see
        return {"driver": driver, "cupy": _imports("cupy"), "usable": 0, "problem": f"{error}"[:300]}
