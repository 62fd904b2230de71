"""Nodes that wait for a rank hear why the job stops; who takes the place of a dead worker hears how far it was."""

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


def test_a_new_scheduler_knows_the_barriers_of_a_dead_worker_from_the_others() -> None:
    nodes = [
        pb.Node(role=role, rank=rank, node=node, state=pb.NODE_STATE_ACTIVE)
        for role, rank, node in (
            (pb.ROLE_SERVER, 0, "server"),
            (pb.ROLE_WORKER, 0, "dead"),
            (pb.ROLE_WORKER, 1, "other"),
        )
    ]
    view = pb.View(epoch=3, nodes=nodes, shards=[pb.Shard(number=0, primary="server")])
    state = SchedulerState(SchedulerRules("job", 2, 1, replace_timeout=5.0, scheduler_timeout=10.0), 0.0)
    for role, rank, node in ((pb.ROLE_SERVER, 0, "server"), (pb.ROLE_WORKER, 1, "other")):
        request = register(role, node)
        request.again, request.rank, request.barriers, request.released = True, rank, 4, 4
        request.view.CopyFrom(view)
        state.register(request, 1.0)
    state.tick(7.0)
    actions = state.register(register(pb.ROLE_WORKER, "new"), 7.5)
    welcomes = [a.message.welcome for a in actions if isinstance(a, Send) and a.message.HasField("welcome")]
    assert [(welcome.rank, welcome.replaces, welcome.released) for welcome in welcomes] == [(0, True, 4)]


def test_a_node_that_was_taken_in_by_a_scheduler_that_died_before_it_could_say_so() -> None:
    """The others know it from the last view; itself it knows nothing, and comes as for the first time."""
    nodes = [
        pb.Node(role=role, rank=rank, node=node, state=pb.NODE_STATE_ACTIVE)
        for role, rank, node in (
            (pb.ROLE_SERVER, 0, "one"),
            (pb.ROLE_SERVER, 1, "new"),
            (pb.ROLE_WORKER, 0, "worker"),
        )
    ]
    shards = [pb.Shard(number=number, primary="one", learner="new") for number in (0, 1)]
    view = pb.View(epoch=3, nodes=nodes, shards=shards, replicas=1)
    for comes_first in (True, False):
        rules = SchedulerRules("job", 1, 2, replace_timeout=5.0, scheduler_timeout=10.0, replicas=1)
        state = SchedulerState(rules, 0.0)
        if comes_first:
            state.register(register(pb.ROLE_SERVER, "new"), 0.5)
        for role, rank, node in ((pb.ROLE_SERVER, 0, "one"), (pb.ROLE_WORKER, 0, "worker")):
            request = register(role, node)
            request.again, request.rank = True, rank
            request.view.CopyFrom(view)
            state.register(request, 1.0)
        actions = [] if comes_first else state.register(register(pb.ROLE_SERVER, "new"), 1.5)
        for moment in (7.0, 7.25, 7.5):
            actions += state.tick(moment)
        told = [a.message for a in actions if isinstance(a, Send) and a.node == "new"]
        welcomes = [message.welcome for message in told if message.HasField("welcome")]
        assert [(welcome.rank, welcome.replaces) for welcome in welcomes] == [(1, True)], comes_first
        assert [shard.learner for shard in state.shards.all] == ["new", "new"]
