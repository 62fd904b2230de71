"""How parameters move: the KVStore in its kinds, sharding, the data plane and its transports."""
