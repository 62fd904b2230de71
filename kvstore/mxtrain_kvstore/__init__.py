"""How parameters move: the KVStore in its kinds, sharding, the data plane and its transports."""

from mxtrain_kvstore.base import KVStoreBase, TestStore
from mxtrain_kvstore.factory import create
from mxtrain_kvstore.store import KVStore

__all__ = ["KVStore", "KVStoreBase", "TestStore", "create"]
