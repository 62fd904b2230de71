"""A scheduler that cannot be reached, or was stopped, takes nobody for dead because of that."""

from scheduler_events import register

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import SchedulerRules
from mxtrain_server.scheduler.scheduler_state import SchedulerState

NODES = {"s": pb.ROLE_SERVER, "t": pb.ROLE_SERVER, "a": pb.ROLE_WORKER, "b": pb.ROLE_WORKER}


def running(**changes: object) -> SchedulerState:
    """Everybody has come, and is heard of at 9 s last. A node is dead after 5 s, a scheduler waits for 20 s."""
    rules = {"heartbeat_interval": 1, "heartbeat_timeout": 5, "scheduler_timeout": 20, "replicas": 1, **changes}
    state = SchedulerState(SchedulerRules("job", 2, 2, **rules), 0.0)
    for node, role in NODES.items():
        state.register(register(pb.Role.Name(role)[5:].lower(), node), 0.0)
    for second in range(10):
        beat(state, second, "stab")
    return state


def beat(state: SchedulerState, now: float, nodes: str) -> None:
    for node in nodes:
        state.heartbeat(node, now)
    state.tick(now)


def active(state: SchedulerState) -> str:
    return "".join(n.node for n in state.members.everybody() if n.is_active)


def test_one_silent_node_is_dead() -> None:
    state = running()
    for second in range(10, 16):
        beat(state, second, "sab")
    assert active(state) == "sab"


def test_when_nobody_is_heard_of_nobody_is_dead() -> None:
    state = running()
    for second in range(10, 25):
        beat(state, second, "")
    assert active(state) == "stab"
    state.disconnected("s", 25.0)  # the trace of a connection that its node gave up meanwhile
    beat(state, 25.2, "ab")
    state.disconnected("t", 25.3)
    assert active(state) == "stab"
    for node, rank in (("s", 0), ("t", 1)):
        view = pb.View(epoch=1)
        state.register(register("server", node, again=True, rank=rank, view=view), 25.4)
    for second in range(26, 40):
        beat(state, second, "stab")
    assert active(state) == "stab"
    state.disconnected("b", 40.0)
    assert active(state) == "sta", "a connection that breaks now is a death again"


def test_who_is_not_there_afterwards_is_dead() -> None:
    state = running()
    for second in range(10, 20):
        beat(state, second, "")
    for second in range(20, 26):
        beat(state, second, "sab")
    assert active(state) == "sab"


def test_the_job_stops_where_nobody_comes_back() -> None:
    state = running()
    for second in range(10, 33):
        beat(state, second, "")
    assert active(state) == "stab"
    beat(state, 35.0, "")
    assert state.phase == "aborted"
    assert "Nothing was heard of any node for 26 s" in state.reason


def test_a_job_that_goes_on_without_a_scheduler_for_no_time_is_not_waited_for() -> None:
    state = running(scheduler_timeout=0.0)
    for second in range(10, 15):
        beat(state, second, "")
    assert active(state) != "stab"


def test_a_scheduler_that_was_stopped_has_heard_nobody_meanwhile() -> None:
    state = running()
    state.slept(20.0, 29.5)
    beat(state, 29.5, "")
    state.disconnected("t", 29.6)
    beat(state, 30.0, "sab")
    assert active(state) == "stab"
    for second in range(31, 36):
        beat(state, second, "sab")
    assert active(state) == "sab"
