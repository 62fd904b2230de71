"""`create`: a KVStore by its name."""

from __future__ import annotations

import os

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain_kvstore.base import KVStoreBase
from mxtrain_kvstore.local import LocalKVStore

#: Kinds within one process.
LOCAL = ("local", "local_update_cpu", "local_allreduce_cpu", "local_allreduce_device", "device", "nccl")
#: Kinds over the workers of a job.
DIST = (
    "dist",
    "dist_sync",
    "dist_async",
    "dist_device_sync",
    "dist_sync_device",
    "dist_device_async",
    "dist_async_device",
)


def create(name: str = "local") -> KVStoreBase:
    """A KVStore of a kind: "local", "device", "dist_sync", "dist_async", "dist_device_sync", or a registered plug-in.

    A "dist" kind joins the job that the environment describes (DMLC_*, see mxtrain_kvstore.settings). In a process
    whose DMLC_ROLE is server or scheduler it serves that role until the job ends, and then ends the process.

    Raises ArgumentError for an unknown kind, MXNetError where the job cannot be joined.
    """
    if not isinstance(name, str):
        raise ArgumentTypeError(f"Expected: the name of a KVStore as a str. Received: {type(name).__name__}.")
    kind = name.lower()
    if kind in KVStoreBase.kv_registry:
        plugin: KVStoreBase = KVStoreBase.kv_registry[kind]()
        return plugin
    if kind in LOCAL:
        return LocalKVStore(kind)
    if kind in DIST:
        return _join(kind)
    known = sorted({*LOCAL, *DIST, *KVStoreBase.kv_registry})
    raise ArgumentError(f"Unknown KVStore type. Expected: one of {', '.join(known)}. Received: {name!r}.")


def _join(kind: str) -> KVStoreBase:
    if (os.environ.get("MXTRAIN_ROLE") or os.environ.get("DMLC_ROLE")) in ("server", "scheduler"):
        from mxtrain.kvstore.kvstore_server import _init_kvstore_server_module

        _init_kvstore_server_module()
    from mxtrain_kvstore.distributed.kvstore import DistKVStore
    from mxtrain_kvstore.distributed.node import WorkerNode

    return DistKVStore(kind, WorkerNode.current())
