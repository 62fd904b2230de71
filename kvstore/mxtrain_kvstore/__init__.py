"""How parameters move: the KVStore in its kinds, sharding, the data plane and its transports."""

from mxtrain_kvstore.base import KVStoreBase
from mxtrain_kvstore.create import create
from mxtrain_kvstore.store import KVStore

__all__ = ["KVStore", "KVStoreBase", "create"]
