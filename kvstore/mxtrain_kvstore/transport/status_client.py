"""`ask_status`: what a running job looks like, asked of its scheduler from outside of the job."""

from __future__ import annotations

import grpc

from mxtrain.base import MXNetError
from mxtrain_kvstore.transport.tls import NODE_NAME, channel_credentials
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_protos import scheduler_pb2_grpc as rpc

_OPTIONS = (("grpc.ssl_target_name_override", NODE_NAME), ("grpc.enable_http_proxy", 0))


def ask_status(address: str, cluster_key: str | None, timeout: float) -> pb.StatusReply:
    """The status of the job whose scheduler is at `address` (host:port).

    timeout: seconds. Raises MXNetError where no scheduler answers in time.
    """
    if cluster_key is None:
        channel = grpc.insecure_channel(address, _OPTIONS)
    else:
        channel = grpc.secure_channel(address, channel_credentials(cluster_key), _OPTIONS)
    with channel:
        try:
            reply: pb.StatusReply = rpc.SchedulerStub(channel).Status(pb.StatusRequest(), timeout=timeout)
        except grpc.RpcError as error:
            code = error.code().name
            raise MXNetError(
                f"No scheduler answered at {address} within {timeout:g} s ({code}). Check that the job runs, the "
                "address and port, and that MXTRAIN_CLUSTER_KEY is the job's (none for a job on loopback)."
            ) from error
    return reply
