"""Nodes that wait for a rank hear why the job stops."""

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import PROTOCOL, Close, SchedulerRules, Send
from mxtrain_server.scheduler.scheduler_state import SchedulerState


def register(role: int, node: str) -> pb.Register:
    return pb.Register(protocol=PROTOCOL, job="job", role=role, node=node, preferred_rank=0, endpoint="tcp://h:1")


def test_a_node_that_waits_is_told_that_the_job_stops() -> None:
    state = SchedulerState(SchedulerRules("job", 1, 1, replace_timeout=5.0), 0.0)
    for role, node in ((pb.ROLE_SERVER, "server"), (pb.ROLE_WORKER, "worker"), (pb.ROLE_WORKER, "spare")):
        actions = state.register(register(role, node), 1.0)
    assert actions == []
    actions = state.disconnected("server", 2.0)
    told = [action.message.refused.reason for action in actions if isinstance(action, Send) and action.node == "spare"]
    assert len(told) == 1
    assert "The job has stopped. server 0 (host" in told[0]
    assert Close("spare") in actions
