"""`ask_status`: what a running job looks like, asked of its scheduler from outside of the job."""

from __future__ import annotations

import grpc

from mxtrain.base import MXNetError
from mxtrain_kvstore.transport.grpc_connection import open_channel
from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_protos import scheduler_pb2_grpc as rpc


def ask_status(address: str, cluster_key: str | None, timeout: float) -> pb.StatusReply:
    """The status of the job whose scheduler is at `address` (host:port).

    timeout: seconds. Raises MXNetError where no scheduler answers in time.
    """
    with open_channel(address, cluster_key) as channel:
        try:
            reply: pb.StatusReply = rpc.SchedulerStub(channel).Status(pb.StatusRequest(), timeout=timeout)
        except grpc.RpcError as error:
            code = error.code().name
            raise MXNetError(
                f"No scheduler answered at {address} within {timeout:g} s ({code}). Check that the job runs, the "
                "address and port, and that MXTRAIN_CLUSTER_KEY is the job's (none for a job on loopback)."
            ) from error
    return reply
