"""The store (see mxtrain_kvstore)."""

from mxtrain_kvstore import KVStore, create

__all__ = ["KVStore", "create"]
