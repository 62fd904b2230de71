"""Cells of the fault table (docs/faults.md) that no other test has: two processes die at once, and a few more kills."""

from pathlib import Path

import pytest
from processes import run_python

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]
SCRIPT = str(Path(__file__).parent / "fault_table.py")


SLOW = ["worker 0 and server 1, in push", "scheduler 0 and server 0, in barrier", "server 1, in update"]


@pytest.mark.parametrize(
    "cells",
    [
        "worker 0 and worker 1, in pull",
        "server 0 and server 1, in push",
        *(pytest.param(cells, marks=pytest.mark.slow) for cells in SLOW),
    ],
)
def test_cells(cells: str) -> None:
    done = run_python(SCRIPT, "--only", cells, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| dist_") >= 4


def test_a_few_random_kills() -> None:
    done = run_python(SCRIPT, "--soak", "3", "--seed", "5", timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 bad outcomes" in done.stdout
