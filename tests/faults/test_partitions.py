"""Whole jobs in simulated time in which nodes are cut off, alone or besides deaths; and a larger job.

What `World` and `check` see to: no push is lost or applied twice and sums are in rank order (final weights have the
bits of an undisturbed run), no shard has two primaries in one view, nobody hangs. `MXTRAIN_SIMULATION_SEEDS=71:72` runs
one seed again, `=0:10000` many; `benchmarks/simulate.py` runs large jobs.
"""

import os

import pytest
from simulation import Plan, check

pytestmark = [pytest.mark.fault, pytest.mark.timeout(7200)]

FIRST, LAST = (int(number) for number in os.environ.get("MXTRAIN_SIMULATION_SEEDS", "0:8").split(":"))


def test_nodes_are_cut_off_for_a_while() -> None:
    jobs = [check(seed, plan=Plan(deaths=0, cuts=5, rounds=100)) for seed in range(FIRST, LAST)]
    if len(jobs) >= 8:
        given_up = [name for job in jobs for name in job.given_up]
        assert {name[0] for name in given_up} == set("sw"), "servers and workers have been given up and replaced"
        assert any("from one at" in text for job in jobs for text in job.cut)


def test_nodes_are_cut_off_and_others_die() -> None:
    for seed in range(FIRST, min(LAST, FIRST + 4) if LAST - FIRST < 9 else LAST):
        check(seed, workers=4, plan=Plan(deaths=3, cuts=3, rounds=100))


def test_forty_workers_and_eight_servers() -> None:
    check(FIRST, workers=40, servers=8, plan=Plan(rounds=4, deaths=2, cuts=1))
