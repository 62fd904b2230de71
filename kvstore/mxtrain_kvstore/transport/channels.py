"""`connect_to`: a worker's channel to all servers, by the transport that they listen with."""

from __future__ import annotations

from mxtrain.base import MXNetError
from mxtrain_kvstore.distributed.channel import Channel
from mxtrain_kvstore.settings import ClusterSettings
from mxtrain_kvstore.transport.grpc_channel import GrpcChannel
from mxtrain_kvstore.transport.zmq_channel import ZmqChannel


def connect_to(endpoints: list[str], node: str, settings: ClusterSettings) -> Channel:
    """Connections to the servers at `endpoints`, in the order of their shards. node: this worker's name.

    Raises MXNetError where servers listen with different transports, or not with gRPC where the settings want that.
    """
    key, close_timeout = settings.cluster_key, settings.end_timeout
    if all(endpoint.startswith("grpc:") for endpoint in endpoints):
        return GrpcChannel(endpoints, node, key, close_timeout, settings.heartbeat_timeout)
    if settings.transport == "grpc":
        raise MXNetError(
            f"Expected: servers that listen with gRPC. Received: {', '.join(endpoints)}. "
            "Set MXTRAIN_KVSTORE_TRANSPORT=grpc on all nodes."
        )
    return ZmqChannel(endpoints, node, key, close_timeout, settings.heartbeat_timeout)
