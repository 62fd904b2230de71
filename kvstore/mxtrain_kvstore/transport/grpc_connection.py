"""gRPC channels to nodes of a job: with TLS where there is a cluster key, plain on loopback."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from mxtrain_kvstore.transport.tls import NODE_NAME, channel_credentials

Option = tuple[str, int | str]


def open_channel(address: str, cluster_key: str | None, options: Sequence[Option] = ()) -> grpc.Channel:
    """A channel to `address` (host:port). options: gRPC's, by name. Connects when it is used."""
    every = (("grpc.ssl_target_name_override", NODE_NAME), ("grpc.enable_http_proxy", 0), *options)
    if cluster_key is None:
        return grpc.insecure_channel(address, every)
    return grpc.secure_channel(address, channel_credentials(cluster_key), every)
