"""`mx.kvstore.kvstore`: the built-in KVStores (see mxtrain_kvstore)."""

from mxtrain_kvstore import KVStore, KVStoreBase, create

__all__ = ["KVStore", "KVStoreBase", "create"]
