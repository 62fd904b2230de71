"""The scheduler's state machine when nodes die, are replaced, join, and when it is a new one itself."""

import pytest
from scheduler_events import register, sent, texts

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import SchedulerRules, Send
from mxtrain_server.scheduler.scheduler_state import SchedulerState


def rules(**changes: object) -> SchedulerRules:
    fixed = {"heartbeat_interval": 1, "heartbeat_timeout": 5, "join_timeout": 30, "barrier_timeout": 60}
    return SchedulerRules("job", 2, 2, **{**fixed, "end_timeout": 4, "replicas": 1, **changes})


def running(**changes: object) -> SchedulerState:
    state = SchedulerState(rules(**changes), 0.0)
    for role, node in (("server", "s"), ("server", "t"), ("worker", "a"), ("worker", "b")):
        state.register(register(role, node), 0.0)
    assert state.phase == "running"
    return state


def last_view(actions: list) -> pb.View:
    return [a.message.view for a in actions if isinstance(a, Send) and a.message.HasField("view")][-1]


def welcome_of(actions: list) -> pb.Welcome:
    return next(a.message.welcome for a in actions if isinstance(a, Send) and a.message.HasField("welcome"))


def places(view: pb.View) -> list[tuple[str, str, str]]:
    return [(shard.primary, shard.backup, shard.learner) for shard in view.shards]


def states(view: pb.View) -> dict[str, int]:
    return {node.node: node.state for node in view.nodes}


def test_a_backup_takes_over_and_a_new_server_learns() -> None:
    state = running(replace_timeout=20)
    view = last_view(state.disconnected("s", 1.0))
    assert places(view) == [("t", "", ""), ("t", "", "")]
    actions = state.register(register("server", "u", preferred=0), 2.0)
    assert welcome_of(actions).rank == 0
    assert welcome_of(actions).replaces
    assert places(last_view(actions)) == [("t", "", "u"), ("t", "", "u")]
    assert places(last_view(state.synced("t", 0, "u", 3.0))) == [("t", "u", ""), ("t", "", "u")]
    assert state.synced("t", 0, "u", 3.0) == []
    state.synced("t", 1, "u", 3.0)
    assert places(last_view(state.disconnected("t", 4.0))) == [("u", "", ""), ("u", "", "")]


def test_a_learner_cannot_take_over() -> None:
    state = running(replace_timeout=20)
    state.disconnected("s", 1.0)
    state.register(register("server", "u"), 2.0)
    assert "nobody else knew its parameters (shard 0)" in texts(state.disconnected("t", 3.0), "abort")[0]


def test_survivors_learn_where_no_server_comes() -> None:
    state = SchedulerState(SchedulerRules("job", 1, 3, replicas=1, replace_timeout=9), 0.0)
    for role, node in (("server", "s"), ("server", "t"), ("server", "u"), ("worker", "a")):
        state.register(register(role, node), 0.0)
    view = last_view(state.disconnected("s", 1.0))
    assert places(view) == [("t", "", ""), ("t", "u", ""), ("u", "", "")]
    for node in "tua":
        state.heartbeat(node, 9.0)
    assert places(last_view(state.tick(10.5))) == [("t", "", "u"), ("t", "u", ""), ("u", "", "t")]


def test_a_worker_is_replaced() -> None:
    state = running(replace_timeout=20)
    state.enter_barrier("a", 0, 1.0)
    state.enter_barrier("b", 0, 1.0)
    state.enter_barrier("a", 1, 1.5)
    view = last_view(state.disconnected("b", 2.0))
    assert states(view)["b"] == pb.NODE_STATE_DEAD
    assert "barrier_released" not in str(sent(state.tick(3.0))), "others wait for the one that comes"
    actions = state.register(register("worker", "c", preferred=1), 4.0)
    assert (welcome_of(actions).rank, welcome_of(actions).released) == (1, 1)
    assert sent(state.enter_barrier("c", 0, 5.0)) == [("c", "barrier_released")], "it has been there before"
    assert sent(state.enter_barrier("c", 1, 6.0)) == [("a", "barrier_released"), ("c", "barrier_released")]


def test_a_worker_that_is_not_replaced_is_left_out() -> None:
    state = running(replace_timeout=20)
    state.enter_barrier("a", 0, 1.0)
    state.disconnected("b", 2.0)
    for second in range(3, 22):
        for node in "sta":
            state.heartbeat(node, second)
        assert sent(state.tick(second)) == []
    for node in "sta":
        state.heartbeat(node, 22.0)
    actions = state.tick(22.0)
    assert states(last_view(actions))["b"] == pb.NODE_STATE_LOST
    assert ("a", "barrier_released") in sent(actions)


def test_too_few_workers() -> None:
    state = running(min_workers=2)
    assert "1 of at least 2 worker(s) are left" in texts(state.disconnected("b", 1.0), "abort")[0]


def test_a_replacement_that_comes_before_the_death_is_known_waits() -> None:
    state = running(replace_timeout=20)
    assert sent(state.register(register("worker", "c", preferred=1), 1.0)) == []
    state.disconnected("b", 2.0)
    assert ("c", "welcome") in sent(state.tick(2.25))


def test_one_more_joins_where_it_may() -> None:
    state = running(max_workers=3)
    for node in ("a", "b"):
        state.enter_barrier(node, 0, 1.0)
    welcome = welcome_of(state.register(register("worker", "c"), 2.0))
    assert (welcome.rank, welcome.joins, welcome.released) == (2, True, 1)
    assert sent(state.register(register("worker", "d"), 3.0)) == [("d", "refused")]


def again(node: str, role: str, rank: int, view: pb.View, barriers: int = 0, released: int = 0) -> pb.Register:
    return register(role, node, preferred=rank, again=True, rank=rank, view=view, barriers=barriers, released=released)


def test_a_new_scheduler_learns_everything_from_the_nodes() -> None:
    old = running()
    view = last_view(old.disconnected("t", 1.0))
    state = SchedulerState(rules(), 10.0)
    assert sent(state.register(again("s", "server", 0, view), 10.0)) == [("s", "welcome")]
    assert state.phase == "gathering"
    state.register(again("a", "worker", 0, view, barriers=3, released=2), 10.1)
    actions = state.register(again("b", "worker", 1, view, barriers=2, released=2), 10.2)
    assert state.phase == "running"
    assert last_view(actions).epoch == view.epoch + 1
    assert places(last_view(actions)) == [("s", "", ""), ("s", "", "")]
    assert sent(state.enter_barrier("b", 2, 11.0)) == [("a", "barrier_released"), ("b", "barrier_released")]


def test_the_newest_view_counts() -> None:
    old = running()
    first = pb.View(epoch=1, nodes=old.status(0).nodes, shards=old.status(0).shards, replicas=1)
    newest = last_view(old.disconnected("t", 1.0))
    state = SchedulerState(rules(), 10.0)
    state.register(again("a", "worker", 0, first), 10.0)
    state.register(again("s", "server", 0, newest), 10.0)
    actions = state.register(again("b", "worker", 1, first), 10.0)
    assert places(last_view(actions)) == [("s", "", ""), ("s", "", "")]
    assert states(last_view(actions))["t"] == pb.NODE_STATE_DEAD


def test_who_does_not_come_back_is_dead() -> None:
    old = running()
    view = pb.View(epoch=4, nodes=old.status(0).nodes, shards=old.status(0).shards, replicas=1)
    state = SchedulerState(rules(scheduler_timeout=10), 10.0)
    for node, role, rank in (("s", "server", 0), ("a", "worker", 0), ("b", "worker", 1)):
        state.register(again(node, role, rank, view), 10.0)
    assert state.phase == "gathering"
    assert state.tick(12.4) == []
    actions = state.tick(12.5)
    assert state.phase == "running"
    assert states(last_view(actions))["t"] == pb.NODE_STATE_DEAD
    assert places(last_view(actions)) == [("s", "", ""), ("s", "", "")]
    assert sent(state.register(again("t", "server", 1, view), 16.0)) == [("t", "refused")]


def taken_over(back: str, view: pb.View, **changes: object) -> SchedulerState:
    """A new scheduler to which some nodes have come again at 10 s."""
    state = SchedulerState(rules(scheduler_timeout=40, **changes), 10.0)
    for node in view.nodes:
        if node.node in back:
            role = "server" if node.role == pb.ROLE_SERVER else "worker"
            state.register(again(node.node, role, node.rank, view), 10.0)
    return state


def view_of(state: SchedulerState) -> pb.View:
    return pb.View(epoch=4, nodes=state.status(0).nodes, shards=state.status(0).shards, replicas=1)


def test_a_new_scheduler_waits_only_while_nodes_come() -> None:
    view = view_of(running())
    state = taken_over("sa", view)
    state.tick(12.0)
    state.register(again("b", "worker", 1, view), 12.0)
    state.tick(14.4)
    assert state.phase == "gathering"
    state.tick(14.5)
    assert state.phase == "running"


def test_a_process_in_place_of_another_says_that_it_is_dead() -> None:
    view = view_of(running(replace_timeout=20))
    state = taken_over("ta", view, replace_timeout=20)
    state.register(register("worker", "c", preferred=1), 10.5)
    assert state.phase == "gathering", "server 0 is still missing"
    actions = state.register(register("server", "u", preferred=0), 11.0)
    assert state.phase == "running"
    assert {("c", "welcome"), ("u", "welcome")} <= set(sent(actions))
    assert places(last_view(actions)) == [("t", "", "u"), ("t", "", "u")]


def test_where_most_are_missing_a_new_scheduler_waits_longer() -> None:
    state = taken_over("s", view_of(running(replace_timeout=20)), replace_timeout=20)
    state.tick(29.9)
    assert state.phase == "gathering"
    state.tick(30.0)
    assert state.phase == "running"


@pytest.mark.parametrize("node", ["b", "t"])
def test_who_is_missed_by_nobody_else_has_more_time(node: str) -> None:
    """A worker that nobody may replace, and a server that alone knows its shard: they may live and only be late."""
    view = view_of(running(replicas=0))
    state = taken_over({"b": "sta", "t": "sab"}[node], view, replicas=0)
    actions = state.tick(12.5)
    assert (state.phase, states(last_view(actions))[node]) == ("running", pb.NODE_STATE_ACTIVE)
    role, rank = ("worker", 1) if node == "b" else ("server", 1)
    assert sent(state.register(again(node, role, rank, view), 15.0))[0] == (node, "welcome")
    state = taken_over({"b": "sta", "t": "sab"}[node], view, replicas=0)
    state.tick(12.5)
    for other in set("stab") - {node}:
        state.heartbeat(other, 17.0)
    actions = state.tick(17.6)
    assert "worker 1" in str(actions) if node == "b" else "nobody else knew" in texts(actions, "abort")[0]


def test_two_servers_that_know_the_same_are_both_waited_for() -> None:
    state = taken_over("ab", view_of(running()))
    assert states(last_view(state.tick(12.5)))["s"] == pb.NODE_STATE_ACTIVE


def test_a_worker_that_may_be_replaced_can_come_late() -> None:
    view = view_of(running(replace_timeout=20))
    state = taken_over("sta", view, replace_timeout=20)
    assert states(last_view(state.tick(12.5)))["b"] == pb.NODE_STATE_DEAD
    actions = state.register(again("b", "worker", 1, view), 15.0)
    assert states(last_view(actions))["b"] == pb.NODE_STATE_ACTIVE


@pytest.mark.parametrize("change", [{"protocol": 1}, {"job": "other"}])
def test_strangers_do_not_make_a_new_scheduler(change: dict) -> None:
    state = SchedulerState(rules(), 0.0)
    request = again("s", "server", 0, pb.View(epoch=9))
    for name, value in change.items():
        setattr(request, name, value)
    assert sent(state.register(request, 1.0)) == [("s", "refused")]
    assert state.phase == "forming"
