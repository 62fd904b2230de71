"""`mx.kvstore.base`: the base of KVStores and their registry (see mxtrain_kvstore)."""

from mxtrain_kvstore.base import KVStoreBase, TestStore
from mxtrain_kvstore.factory import create

__all__ = ["KVStoreBase", "TestStore", "create"]
