"""`mx.kv`: the KVStore (see mxtrain_kvstore)."""

from typing import Any

from mxtrain_kvstore import KVStore, KVStoreBase, create


def __getattr__(name: str) -> Any:
    if name == "KVStoreServer":  # servers are another root: only who asks for them imports them
        from mxtrain_server.kvstore_server import KVStoreServer

        return KVStoreServer
    raise AttributeError(f"module 'mxtrain.kvstore' has no attribute {name!r}")


__all__ = ["KVStore", "KVStoreBase", "KVStoreServer", "create"]
