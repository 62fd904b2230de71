"""What the scheduler tells of nodes: rates, waiting, stragglers, problems, restarts."""

import pytest
from scheduler_events import register

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_server.scheduler.actions import Log, SchedulerRules
from mxtrain_server.scheduler.reports import MAX_COUNTS, MAX_PROBLEMS, MAX_TEXT
from mxtrain_server.scheduler.scheduler_state import SchedulerState
from mxtrain_server.scheduler.stragglers import Progress, stragglers

RULES = SchedulerRules("job", 2, 1, heartbeat_timeout=50, replace_timeout=60)


def running() -> SchedulerState:
    state = SchedulerState(RULES, 0.0)
    for role, node in (("server", "s"), ("worker", "a"), ("worker", "b")):
        state.register(register(role, node), 0.0)
    return state


def counters(second: float, waited: float = 0.0) -> pb.Counters:
    return pb.Counters(
        rounds=int(3 * second), bytes_in=int(1000 * second), bytes_out=int(500 * second), samples=int(64 * second),
        waited=waited * second,
    )  # fmt: skip


def test_rates_are_those_of_the_last_seconds() -> None:
    state = running()
    for second in range(0, 41, 2):
        state.heartbeat("a", second, counters(second, 0.25))
    report = state.status(41.0).reports[1]
    assert (report.node, report.silence) == ("a", 1.0)
    assert report.counters.rounds == 120
    rates = (report.rounds_per_second, report.bytes_per_second, report.samples_per_second, report.waiting)
    assert rates == pytest.approx((3, 1500, 64, 0.25))
    before = state.status(41.0).reports[1].rounds_per_second
    for second in (42, 44, 46, 48, 50, 52):  # nothing moves any more
        state.heartbeat("a", second, counters(40))
    assert state.status(52.0).reports[1].rounds_per_second == 0 < before


def test_a_node_that_counts_from_the_start_again_has_no_negative_rate() -> None:
    state = running()
    state.heartbeat("a", 1, counters(100))
    state.heartbeat("a", 3, counters(1))
    assert state.status(3.0).reports[1].rounds_per_second == 0


def test_nodes_that_say_nothing_are_known_by_their_silence() -> None:
    reports = running().status(7.0).reports
    assert [(report.node, report.silence, report.rounds_per_second) for report in reports] == [
        ("s", 7, 0), ("a", 7, 0), ("b", 7, 0)
    ]  # fmt: skip


def test_what_is_kept_is_bounded() -> None:
    state = running()
    for tenth in range(10_000):
        state.heartbeat("a", tenth / 100, counters(tenth / 100))
        state.reports.add_problem("x" * 5000, tenth / 100)
        state.heartbeat("stranger", tenth / 100, counters(1))
    status = state.status(100.0)
    assert [len(counts) for counts in state.reports._counts.values()] == [MAX_COUNTS]
    assert (len(status.problems), len(status.problems[0].text)) == (MAX_PROBLEMS, MAX_TEXT)
    assert status.reports[1].rounds_per_second == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize(
    ("waiting", "found"),
    [
        ({}, []),
        ({"a": 0.0}, []),
        ({"a": 0.9, "b": 0.1}, ["b"]),
        ({"a": 0.9, "b": 0.8}, []),
        ({"a": 0.1, "b": 0.0}, []),
        ({"a": 0.5, "b": 0.6, "c": 0.05}, ["c"]),
        ({"a": 0.5, "b": 0.25}, ["b"]),
    ],
)
def test_a_straggler_is_who_does_not_wait_while_the_others_do(waiting: dict[str, float], found: list[str]) -> None:
    progress = {node: Progress(share, share, 0.0, 10, 0) for node, share in waiting.items()}
    assert list(stragglers(progress, 2.0)) == found


def test_who_is_silent_while_the_others_wait_is_late() -> None:
    """As a process that is stopped: what it counted last says nothing of it."""
    workers = {
        "a": Progress(0.8, 1.0, 0.5, 5, 0),
        "b": Progress(0.8, 1.0, 1.5, 5, 0),
        "c": Progress(0.8, 0.8, 3.2, 5, 0),
    }
    assert list(stragglers(workers, 2.0)) == ["c"]
    assert not stragglers({**workers, "c": Progress(0.8, 0.8, 2.9, 5, 0)}, 2.0)
    assert not stragglers({node: worker._replace(silence=4.0) for node, worker in workers.items()}, 2.0)


def test_who_is_passed_over_is_late() -> None:
    workers = {"a": Progress(0.0, 0.0, 0.0, 20, 1), "b": Progress(0.0, 0.0, 0.0, 20, 15)}
    assert stragglers(workers, 2.0) == {"b": "rounds go on without it (15 of 20)"}


def test_people_hear_of_it_once() -> None:
    state = running()
    heard = []
    for second in range(0, 44, 2):
        state.heartbeat("a", second, counters(second, 0.8))
        state.heartbeat("b", second, counters(second, 0.1))
        heard += [(second, a.text) for a in state.tick(second + 0.5) if isinstance(a, Log)]
    assert heard == [(time, "worker 1 (host h, pid 7) is late: the others wait for it") for time in (4, 34)]


def test_stragglers_are_marked() -> None:
    state = running()
    for second in range(0, 9, 2):
        state.heartbeat("a", second, counters(second, 0.8))
        state.heartbeat("b", second, counters(second, 0.1))
    assert [report.straggler for report in state.status(9.0).reports] == [False, False, True]


def test_restarts_and_problems() -> None:
    state = running()
    for node, dead in (("c", "b"), ("d", "c")):
        state.disconnected(dead, 5.0)
        state.register(register("worker", node, preferred=1), 6.0)
    state.reports.add_problem("something", 7.0)
    status = state.status(10.0)
    assert [(report.node, report.replaced) for report in status.reports] == [("s", 0), ("a", 0), ("d", 2)]
    assert status.replaced == 2
    assert [(problem.age, problem.text) for problem in status.problems] == [(3.0, "something")]
