"""Whole jobs in simulated time under broken connections, doubled commands and deaths: no hang, and no bit differs.

A failure names its seed; `MXTRAIN_SIMULATION_SEEDS=71:72` runs that one again, `=0:100000` runs many.
"""

import os

import pytest
from simulated_training import check_training
from simulation import Plan, check

pytestmark = [pytest.mark.fault, pytest.mark.timeout(3600)]

FIRST, LAST = (int(number) for number in os.environ.get("MXTRAIN_SIMULATION_SEEDS", "0:40").split(":"))


def test_any_one_process_dies_again_and_again() -> None:
    jobs = [check(seed) for seed in range(FIRST, LAST)]
    if len(jobs) >= 40:
        killed = [name for job in jobs for name in job.killed]
        assert {name[0] for name in killed} == set("sw"), "schedulers, servers and workers are among the victims"
        assert len(killed) > 2 * len(jobs)
        assert sum(job.broken for job in jobs) > len(jobs)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("servers", [2, 5])
def test_other_sizes(workers: int, servers: int) -> None:
    for seed in range(FIRST, min(LAST, FIRST + 10)):
        check(seed, workers=workers, servers=servers)


def test_without_replicas_workers_and_the_scheduler_may_die() -> None:
    plan = Plan(spared=("server",), breaks=0.0, doubles=0.05)
    for seed in range(FIRST, min(LAST, FIRST + 10)):
        check(seed, replicas=0, plan=plan)


@pytest.mark.parametrize("replicas", [0, 1])
def test_servers_join_and_shards_move_whatever_else_happens(replicas: int) -> None:
    how = {"joins": 2, "rounds": 60}
    plan = Plan(**how) if replicas else Plan(**how, spared=("server",), breaks=0.0, doubles=0.05)
    jobs = [check(seed, workers=2, servers=2, replicas=replicas, plan=plan) for seed in range(FIRST, LAST)]
    if len(jobs) >= 40:
        assert sum(job.moves for job in jobs) > len(jobs)
        assert sum(len(job.joined) for job in jobs) > 1.5 * len(jobs)
        assert {name[0] for job in jobs for name in job.killed} == set("sw")


def test_deaths_during_recovery_end_in_equal_weights_or_in_a_clear_stop() -> None:
    plan = Plan(reckless=True, deaths=8, death_spacing=1.0)
    jobs = [check(seed, plan=plan) for seed in range(FIRST, LAST)]
    if len(jobs) >= 40:
        reasons = {job.stopped for job in jobs}
        assert "" in reasons, "some jobs survive"
        assert any("nobody else knew its parameters" in reason for reason in reasons)
    for job in jobs:
        assert not job.stopped or "--resume or load_checkpoint" in job.stopped, job.stopped


def test_trainings_in_which_workers_and_the_scheduler_die_while_others_recover() -> None:
    """Whole training scripts: momentum, barriers, changed learning rates, shared memory; weights have equal bits."""
    plan = Plan(overlap=True, deaths=25, death_spacing=1.5, rounds=40, restart_after=0.2)
    for seed in range(FIRST, FIRST + (LAST - FIRST) // 5):
        check_training(seed, workers=1 + seed // 2 % 3, servers=2 + seed // 6 % 2, plan=plan)


def test_a_seed_says_everything() -> None:
    first, second = (check(7) for _ in range(2))
    assert (first.killed, first.events) == (second.killed, second.events)
