"""Leases in whole jobs in simulated time: whoever dies, every sample counts once an epoch, and nobody hangs."""

import pytest
from leased_worker import check_leases
from simulation import Plan

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]

ORDERS = pytest.mark.parametrize("in_turn", [True, False], ids=["in turn", "first come"])
CALM = Plan(deaths=0, breaks=0.0, doubles=0.0)


@ORDERS
def test_nothing_goes_wrong(in_turn):
    check_leases(1, in_turn, plan=CALM)


@ORDERS
def test_processes_die_and_are_replaced(in_turn):
    for seed in range(20):
        check_leases(seed, in_turn, plan=Plan(deaths=4, death_spacing=0.5))


@ORDERS
def test_a_worker_is_lost_for_good(in_turn):
    for seed in range(100, 120):
        check_leases(seed, in_turn, lost=1, plan=Plan(deaths=4, death_spacing=0.5))


@ORDERS
def test_nodes_are_cut_off(in_turn):
    for seed in range(200, 210):
        check_leases(seed, in_turn, plan=Plan(deaths=3, death_spacing=0.5, cuts=2))


@ORDERS
def test_servers_join(in_turn):
    for seed in range(300, 305):
        check_leases(seed, in_turn, lost=seed % 2, plan=Plan(deaths=2, death_spacing=0.5, joins=1))


def test_seeds_that_have_found_mistakes():
    """A lost worker that had been in more rounds than those who wait; one whose last report was lost with it."""
    for seed, lost in ((1101, 1), (1107, 1), (1177, 1)):
        plan = Plan(deaths=5, death_spacing=0.5, cuts=2 if seed % 4 >= 2 else 0)
        check_leases(seed, bool(seed & 4), lost, plan=plan)
