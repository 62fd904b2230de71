"""The base of stores and plug-ins (see mxtrain_kvstore)."""

from mxtrain_kvstore import KVStoreBase, create

__all__ = ["KVStoreBase", "create"]
