"""The scheduler's state machine: forming, barriers, deaths, and an orderly end."""

import re

import pytest
from scheduler_events import register, sent, texts

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import Close, Log, SchedulerRules, Send, Stop
from mxtrain_server.scheduler.scheduler_state import SchedulerState

RULES = SchedulerRules(
    "job",
    2,
    1,
    heartbeat_interval=1,
    heartbeat_timeout=5,
    join_timeout=30,
    barrier_timeout=60,
    end_timeout=4,
    min_workers=2,
)


def running() -> SchedulerState:
    state = SchedulerState(RULES, 0.0)
    for role, node in (("server", "s"), ("worker", "a"), ("worker", "b")):
        state.register(register(role, node), 0.0)
    assert state.phase == "running"
    return state


def test_a_job_forms() -> None:
    state = SchedulerState(RULES, 0.0)
    assert sent(state.register(register("worker", "a", preferred=1), 0.0)) == [("a", "welcome")]
    assert sent(state.register(register("server", "s"), 0.1)) == [("s", "welcome")]
    last = state.register(register("worker", "b", preferred=1), 0.2)
    assert sent(last) == [("b", "welcome"), ("s", "view"), ("b", "view"), ("a", "view")]
    view = next(a.message.view for a in last if isinstance(a, Send) and a.message.HasField("view"))
    assert [(n.role, n.rank, n.node) for n in view.nodes] == [(2, 0, "s"), (3, 0, "b"), (3, 1, "a")]
    assert view.epoch == 1


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (register("worker", "x", protocol=99), "protocol"),
        (register("worker", "x", job="other"), "job 'other'"),
        (register("scheduler", "x"), "neither"),
        (register("server", "x", endpoint=""), "address"),
        (register("worker", "a"), "of its own"),
        (register("worker", "x"), r"2 worker\(s\). Received: one more"),
    ],
)
def test_strangers_are_refused(request_: pb.Register, says: str) -> None:
    actions = running().register(request_, 1.0)
    assert sent(actions) == [(request_.node, "refused")]
    assert Close(request_.node) in actions
    assert re.search(says, texts(actions, "refused")[0])


def test_a_job_that_does_not_form_names_who_is_missing() -> None:
    state = SchedulerState(RULES, 0.0)
    state.register(register("worker", "a"), 0.0)
    for second in range(1, 30):
        state.heartbeat("a", second)
        assert state.tick(second) == []
    actions = state.tick(30.0)
    assert texts(actions, "abort") == [
        "The job did not start: 1 of 1 server(s) and 1 of 2 worker(s) had not come after 30 s."
    ]
    assert state.disconnected("a", 30.1) == [Stop(1)]


def test_nobody_comes() -> None:
    actions = SchedulerState(RULES, 0.0).tick(30.0)
    assert Stop(1) in actions


def test_barrier() -> None:
    state = running()
    assert sent(state.enter_barrier("a", 0, 1.0)) == []
    assert sent(state.enter_barrier("b", 0, 2.0)) == [("a", "barrier_released"), ("b", "barrier_released")]
    state.enter_barrier("b", 1, 3.0)
    assert state.status(3.0).barrier_waiting == ["worker 1 (host h, pid 7)"]
    # who has finished is waited for no more
    assert ("b", "barrier_released") in sent(state.finish("a", 4.0))


def test_a_barrier_that_is_not_complete_names_who_is_missing() -> None:
    state = running()
    state.enter_barrier("a", 0, 1.0)
    for second in range(2, 62):
        for node in ("a", "b", "s"):
            state.heartbeat(node, second)
        last = state.tick(second)
    assert texts(last, "barrier_failed") == [
        "The barrier was not complete after 60 s: worker 1 (host h, pid 7) did not come."
    ]


def test_orderly_end() -> None:
    state = running()
    assert sent(state.finish("a", 1.0)) == [("a", "goodbye"), ("s", "view"), ("b", "view")]
    assert state.disconnected("a", 1.1) == []
    assert sent(state.finish("b", 2.0)) == [("b", "goodbye"), ("s", "view"), ("s", "end_of_job")]
    state.disconnected("b", 2.1)
    assert sent(state.finish("s", 2.2)) == [("s", "goodbye")]
    assert state.disconnected("s", 2.3) == [Stop(0)]
    assert state.phase == "ended"


def test_a_server_that_does_not_end_is_not_waited_for() -> None:
    state = running()
    state.finish("a", 1.0)
    state.finish("b", 1.0)
    assert Stop(0) in state.tick(5.0)


@pytest.mark.parametrize(("node", "name"), [("a", "worker 0"), ("b", "worker 1"), ("s", "server 0")])
def test_a_broken_connection_ends_the_job_and_is_named(node: str, name: str) -> None:
    state = running()
    actions = state.disconnected(node, 1.0)
    others = [other for other in ("s", "a", "b") if other != node]
    assert sent(actions) == [(other, "abort") for other in others]
    assert texts(actions, "abort")[0].startswith(f"{name} (host h, pid 7) is gone")
    for other in others:
        last = state.disconnected(other, 1.5)
    assert last == [Stop(1)]


def test_silence_ends_the_job() -> None:
    state = running()
    for second in range(1, 6):
        for node in ("s", "b"):
            state.heartbeat(node, second)
        actions = state.tick(second)
    assert texts(actions, "abort")[0].startswith("worker 0 (host h, pid 7) is dead: nothing was heard of it for 5 s")
    assert state.members.by_node["a"].state == pb.NODE_STATE_DEAD
    assert Close("a") in actions


def test_a_failure_is_passed_on() -> None:
    actions = running().fail("a", "ValueError: x", 1.0)
    assert texts(actions, "abort")[0].startswith("worker 0 (host h, pid 7) failed: ValueError: x")
    assert any(isinstance(action, Log) and action.problem for action in actions)


def test_a_server_may_not_leave_workers_behind() -> None:
    assert (
        texts(running().finish("s", 1.0), "abort")
        == ["server 0 (host h, pid 7) has left while workers still needed it."] * 3
    )


def test_unknown_nodes_change_nothing() -> None:
    state = running()
    for event in (state.heartbeat, state.finish, state.disconnected):
        assert event("nobody", 1.0) == []
    assert state.enter_barrier("nobody", 0, 1.0) == []
    assert state.phase == "running"
