"""`create`: a store from its type's name."""

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain_kvstore.base import KVStoreBase
from mxtrain_kvstore.local import LocalKVStore

LOCAL_TYPES = ("local", "local_update_cpu", "local_allreduce_cpu")
DEVICE_TYPES = ("device", "local_allreduce_device", "nccl")


def create(name: str = "local") -> KVStoreBase:
    """A new store.

    name: "local" or "device" (the devices of this process), or the class name of a registered plug-in.
    Raises ArgumentError naming the types there are.
    """
    if not isinstance(name, str):
        raise ArgumentTypeError(f"Expected: the type of a KVStore as a string. Received: {type(name).__name__}.")
    kind = name.lower()
    if kind in KVStoreBase.kv_registry:
        return KVStoreBase.kv_registry[kind]()
    if kind in LOCAL_TYPES:
        return LocalKVStore(kind)
    if kind in DEVICE_TYPES:
        return LocalKVStore(kind, on_device=True)
    known = [*LOCAL_TYPES, *DEVICE_TYPES, *KVStoreBase.kv_registry]
    raise ArgumentError(f"Expected: a KVStore type of {known}. Received: {name!r}.")
