"""Why a node that wants to register cannot be taken into the job."""

from __future__ import annotations

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import PROTOCOL


def refusal_of(request: pb.Register, job: str, is_there: bool) -> str:
    """What is wrong with a registration, whatever rank it wants; "" where nothing is.

    is_there: a node of that name has a rank, and its connection stands.
    """
    if request.protocol != PROTOCOL:
        return f"Expected: protocol {PROTOCOL}. Received: {request.protocol}. Install one version everywhere."
    if request.job != job:
        return f"Expected: a node of job {job!r}. Received: one of job {request.job!r}."
    if request.role not in (pb.ROLE_SERVER, pb.ROLE_WORKER):
        return "Expected: a server or a worker. Received: neither."
    if request.role == pb.ROLE_SERVER and not request.endpoint:
        return "Expected: the address of a server. Received: none."
    if not request.node or is_there:
        return "Expected: a node with a name of its own. Received: one without, or one that is there."
    return ""
