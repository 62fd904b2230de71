"""The scheduler's state machine when a job stops in order: after which step, when a checkpoint may be written."""

import pytest
from scheduler_events import register, sent, texts

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import SchedulerRules, Send
from mxtrain_server.scheduler.scheduler_state import SchedulerState

TRAINS = pb.CanStop(can=True, saves=True)
HAS_ENDED = pb.CanStop(can=False)


def running(workers: int = 2, **changes: object) -> SchedulerState:
    fixed = {"heartbeat_timeout": 500, "end_timeout": 4, "stop_timeout": 20, "replicas": 1}
    state = SchedulerState(SchedulerRules("job", workers, 2, **{**fixed, **changes}), 0.0)
    for role, node in [("server", "s"), ("server", "t"), *(("worker", name) for name in "abc"[:workers])]:
        state.register(register(role, node), 0.0)
    assert state.phase == "running"
    return state


def training(workers: int = 2, **changes: object) -> SchedulerState:
    state = running(workers, **changes)
    for name in "abc"[:workers]:
        assert state.can_stop(name, TRAINS, 1.0) == []
    return state


def last_steps(actions: list) -> list[tuple[str, int]]:
    messages = [(a.node, a.message) for a in actions if isinstance(a, Send)]
    return [(node, m.stop_at.step) for node, m in messages if m.HasField("stop_at")]


def writers(actions: list) -> list[tuple[str, int]]:
    messages = [(a.node, a.message) for a in actions if isinstance(a, Send)]
    return [(node, m.all_stopped.writer) for node, m in messages if m.HasField("all_stopped")]


def test_all_stop_after_the_furthest_step() -> None:
    state = training()
    assert sent(state.ask_stop("b", "SIGTERM", 2.0)) == [("a", "orderly_stop"), ("b", "orderly_stop")]
    assert state.ask_stop("a", "SIGTERM", 2.0) == [], "once is enough"
    assert state.at_step("a", 7, 2.0) == []
    assert last_steps(state.at_step("b", 8, 2.0)) == [("a", 8), ("b", 8)]
    assert state.stopped("b", 3.0) == []
    assert writers(state.stopped("a", 3.0)) == [("a", 0), ("b", 0)]
    for name in "ba":
        actions = state.finish(name, 4.0)
    assert sent(actions)[-2:] == [("s", "end_of_job"), ("t", "end_of_job")]
    assert "worker 1 (host h, pid 7) was told to end: SIGTERM." in state.status(4.0).reason


@pytest.mark.parametrize("ability", [None, HAS_ENDED, pb.CanStop(can=True)], ids=["silent", "ended", "saves nothing"])
def test_where_nobody_can_save_the_job_is_aborted(ability: pb.CanStop | None) -> None:
    state = running()
    if ability is not None:
        state.can_stop("a", ability, 1.0)
    assert "was told to end: SIGTERM. Start the job again" in texts(state.ask_stop("a", "SIGTERM", 2.0), "abort")[0]


def test_who_has_ended_the_training_is_not_waited_for() -> None:
    state = training()
    state.can_stop("a", HAS_ENDED, 2.0)
    state.ask_stop("b", "SIGTERM", 3.0)
    assert last_steps(state.at_step("b", 5, 3.0)) == [("b", 5)]
    assert writers(state.stopped("b", 3.0)) == [("b", 1)], "the lowest that has stopped"


def test_who_ends_the_training_meanwhile_is_not_waited_for() -> None:
    state = training()
    state.ask_stop("a", "SIGTERM", 2.0)
    state.at_step("a", 4, 2.0)
    assert last_steps(state.can_stop("b", HAS_ENDED, 2.0)) == [("a", 4)]


def test_who_has_just_come_is_waited_for() -> None:
    state = running()
    state.can_stop("a", TRAINS, 1.0)
    state.ask_stop("a", "SIGTERM", 2.0)
    assert state.at_step("a", 4, 2.0) == []
    assert sent(state.can_stop("b", TRAINS, 3.0)) == [("b", "orderly_stop")]
    assert last_steps(state.at_step("b", 3, 3.0)) == [("a", 4), ("b", 4)]


def test_who_comes_after_the_decision_is_told_it() -> None:
    state = training()
    state.ask_stop("a", "SIGTERM", 2.0)
    state.at_step("a", 4, 2.0)
    state.at_step("b", 4, 2.0)
    assert last_steps(state.at_step("a", 4, 3.0)) == [("a", 4)], "its stream had broken"
    state.stopped("a", 3.0)
    state.stopped("b", 3.0)
    assert writers(state.stopped("a", 4.0)) == [("a", 0)]


def test_dead_workers_are_not_waited_for() -> None:
    state = training(3, replace_timeout=60)
    state.disconnected("a", 1.0)
    assert state.status(1.0).nodes[2].state == pb.NODE_STATE_DEAD
    state.told_to_end(2.0)
    state.ask_stop("b", "SIGTERM", 2.0)
    assert state.status(2.0).nodes[2].state == pb.NODE_STATE_LOST
    assert "The job is being stopped." in texts(state.register(register("worker", "d", preferred=0), 3.0), "refused")[0]
    state.at_step("b", 4, 3.0)
    assert last_steps(state.disconnected("c", 3.0)) == [("b", 4)], "nor those who die now"
    assert writers(state.stopped("b", 3.0)) == [("b", 1)]


def test_too_few_workers_stop_in_order() -> None:
    state = training(3, min_workers=3)
    actions = state.disconnected("c", 1.0)
    assert [node for node, kind in sent(actions) if kind == "orderly_stop"] == ["a", "b"]
    state.at_step("a", 2, 2.0)
    assert last_steps(state.at_step("b", 2, 2.0)) == [("a", 2), ("b", 2)]
    assert "2 of at least 3 worker(s) are left" in state.status(2.0).reason


def test_the_deadline() -> None:
    state = training()
    state.ask_stop("a", "SIGTERM", 2.0)
    state.at_step("a", 2, 2.0)
    state.stopped("a", 2.0)
    assert state.tick(21.9) == []
    (reason, *_) = texts(state.tick(22.0), "abort")
    assert "within 20 s (MXTRAIN_STOP_TIMEOUT): worker 1 (host h, pid 7) did not come to the last step." in reason


def test_a_job_that_forms_is_aborted() -> None:
    state = SchedulerState(SchedulerRules("job", 1, 1), 0.0)
    state.register(register("worker", "a"), 0.0)
    assert "was told to end" in texts(state.ask_stop("a", "SIGTERM", 1.0), "abort")[0]
    assert state.ask_stop("stranger", "SIGTERM", 1.0) == []


def test_a_server_may_ask() -> None:
    state = training()
    assert sent(state.ask_stop("s", "it got a signal", 2.0)) == [("a", "orderly_stop"), ("b", "orderly_stop")]


# ---------------------------------------------------------------- where others could take a worker's place


def leaves(actions: list) -> list[str]:
    return [node for node, kind in sent(actions) if kind == "leave"]


def test_a_worker_that_is_told_alone_leaves_alone() -> None:
    state = training(replace_timeout=60)
    assert state.ask_stop("b", "SIGTERM", 2.0) == []
    assert state.tick(6.9) == []
    assert leaves(state.tick(7.0)) == ["b"]
    assert leaves(state.tick(9.0)) == []
    assert state.status(8.0).reason == ""


def test_workers_that_are_all_told_stop_the_job() -> None:
    state = training(replace_timeout=60)
    state.ask_stop("b", "SIGTERM", 2.0)
    assert sent(state.ask_stop("a", "SIGTERM", 3.0)) == [("a", "orderly_stop"), ("b", "orderly_stop")]
    assert "worker 1" in state.status(3.0).reason, "who was told first"


@pytest.mark.parametrize("first", ["worker", "scheduler"])
def test_a_scheduler_that_is_told_too_stops_the_job(first: str) -> None:
    state = training(replace_timeout=60)
    if first == "scheduler":
        assert state.told_to_end(2.0) == []
        actions = state.ask_stop("b", "SIGTERM", 2.5)
    else:
        state.ask_stop("b", "SIGTERM", 2.0)
        actions = state.told_to_end(2.5)
    assert sent(actions) == [("a", "orderly_stop"), ("b", "orderly_stop")]


@pytest.mark.parametrize("order", [["told", "a", "b"], ["a", "b", "told"]], ids=str)
def test_after_a_signal_dead_workers_are_not_awaited(order: list[str]) -> None:
    """Scripts that know nothing of orderly stops die by the signal."""
    state, now = running(replace_timeout=60), 1.0
    for event in order:
        now += 1
        actions = state.told_to_end(now) if event == "told" else state.disconnected(event, now)
    assert [kind for _, kind in sent(actions)][-2:] == ["abort", "abort"], "servers end at once"


def joined(**changes: object) -> SchedulerState:
    """A job of workers a and b that c has joined."""
    state = training(max_workers=3, **changes)
    state.register(register("worker", "c"), 1.0)
    state.can_stop("c", pb.CanStop(can=True), 1.0)
    return state


@pytest.mark.parametrize("replace_timeout", [0, 60])
def test_a_worker_that_joined_leaves_alone_though_nobody_could_take_its_place(replace_timeout: float) -> None:
    state = joined(replace_timeout=replace_timeout)
    assert state.ask_stop("c", "SIGTERM", 2.0) == []
    assert leaves(state.tick(7.0)) == ["c"]
    state.finish("c", 7.5)
    assert state.phase == "running"


def test_nobody_waits_for_a_new_process_where_one_that_joined_is_killed() -> None:
    state = joined(replace_timeout=60)
    assert "the job goes on without it" in str(state.disconnected("c", 2.0))
    states = {node.rank: node.state for node in state.status(2.0).nodes if node.role == pb.ROLE_WORKER}
    assert states[2] == pb.NODE_STATE_LOST
    actions = state.register(register("worker", "d", preferred_rank=2), 3.0)
    assert [a.message.welcome.joins for a in actions if isinstance(a, Send) and a.message.HasField("welcome")] == [True]


def test_workers_join_whatever_rank_they_ask_for() -> None:
    state = training(replace_timeout=60, max_workers=4)
    for node, wanted in (("c", 3), ("d", 2)):
        actions = state.register(register("worker", node, preferred_rank=wanted), 2.0)
        assert [a.message.welcome.joins for a in actions if isinstance(a, Send) and a.message.HasField("welcome")] == [
            True
        ]
