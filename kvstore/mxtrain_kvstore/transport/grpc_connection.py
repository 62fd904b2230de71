"""gRPC channels to nodes of a job: with TLS where there is a cluster key, plain on loopback."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from mxtrain_kvstore.transport.tls import NODE_NAME, channel_credentials

Option = tuple[str, int | str]

#: Seconds that a stranger has to shake hands and to say who it is, and that a connection without streams may last.
GREETING_TIME = 5.0
_IDLE_TIME = 10.0
#: Options of servers: nobody holds a connection by saying nothing, or very slowly.
STRANGERS_LEAVE: tuple[Option, ...] = (
    ("grpc.server_handshake_timeout_ms", int(GREETING_TIME * 1000)),
    ("grpc.max_connection_idle_ms", int(_IDLE_TIME * 1000)),
)
#: Clients try about once a second to reach who is gone: a new scheduler waits only a few seconds for nodes.
_TRY_AGAIN_SOON: tuple[Option, ...] = (
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


def open_channel(address: str, cluster_key: str | None, options: Sequence[Option] = ()) -> grpc.Channel:
    """A channel to `address` (host:port). options: gRPC's, by name. Connects when it is used."""
    every = (("grpc.ssl_target_name_override", NODE_NAME), ("grpc.enable_http_proxy", 0), *_TRY_AGAIN_SOON, *options)
    if cluster_key is None:
        return grpc.insecure_channel(address, every)
    return grpc.secure_channel(address, channel_credentials(cluster_key), every)
