"""`mx.kvstore.kvstore_server`: being a server or scheduler (see mxtrain_server)."""

from mxtrain_server.kvstore_server import KVStoreServer, _init_kvstore_server_module

__all__ = ["KVStoreServer", "_init_kvstore_server_module"]
