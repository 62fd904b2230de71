"""Chooses the KVStore that a module trains with, and gives it the first weights."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from mxtrain.base import ArgumentTypeError
from mxtrain.ndarray import NDArray
from mxtrain_kvstore import KVStore, KVStoreBase, create
from mxtrain_worker.sparse_rows import largest

# Above this many values in one array, MXNet updates on each device rather than in the local store.
BIG_ARRAY_SIZE = 1024 * 1024 * 16


def create_kvstore(kvstore: Any, num_device: int, arg_params: Mapping[str, NDArray]) -> tuple[Any, bool]:
    """(store, whether the optimizer runs in it) for a type name, a store, or None (as the first of the pair, too).

    One device on one machine needs no store. MXNET_UPDATE_ON_KVSTORE=0 keeps the optimizer in the worker.
    Raises ArgumentError for an unknown name (on one device, too), ArgumentTypeError for anything else.
    Source: mxnet.model._create_kvstore of MXNet 1.9.1.
    """
    update_on_kvstore = os.environ.get("MXNET_UPDATE_ON_KVSTORE", "1") != "0"
    if kvstore is None:
        return None, False
    if isinstance(kvstore, KVStoreBase):
        return kvstore, update_on_kvstore and kvstore.is_capable("optimizer")
    if not isinstance(kvstore, str):
        raise ArgumentTypeError(f"kvstore must be KVStore, str or None. Received: {type(kvstore).__name__}.")
    store = create(kvstore)  # first: one device needs no store, but an unknown name is a mistake all the same
    if num_device == 1 and "dist" not in kvstore:
        return None, False
    if kvstore == "local" and largest(arg_params) > BIG_ARRAY_SIZE:
        update_on_kvstore = False
    return store, update_on_kvstore and store.is_capable("optimizer")


def initialize_kvstore(
    kvstore: Any,
    param_arrays: Sequence[Sequence[NDArray]],
    arg_params: Mapping[str, NDArray],
    param_names: Sequence[str],
    update_on_kvstore: bool,
) -> None:
    """Give every parameter to the store under its name.

    The devices then take the store's value where the store updates, and in distributed training always: all workers
    must start from rank 0's weights.
    """
    if not param_names:
        return
    values = [arg_params[name] for name in param_names]
    if not isinstance(kvstore, KVStore):  # a plug-in may know no more than to broadcast single keys
        for name, value, copies in zip(param_names, values, param_arrays, strict=True):
            kvstore.broadcast(name, value, out=list(copies))
    elif update_on_kvstore or "dist" in kvstore.type:
        kvstore.broadcast(list(param_names), values, out=[list(copies) for copies in param_arrays])
    else:
        kvstore.init(list(param_names), values)
