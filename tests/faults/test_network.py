"""A host is cut off the network, or the network is bad: some cells of the table in docs/faults.md."""

from pathlib import Path

import pytest
from hosts import why_not
from processes import run_python

pytestmark = [
    pytest.mark.fault,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]
SCRIPT = str(Path(__file__).parent / "network_table.py")


SLOW = [
    "worker 1 cut off 10 s, dead after 5 s",
    "worker 1 cut off for good, dead after 5 s",
    "scheduler 0 cut off for good, dead after 5 s",
    "worker 0 cut off for good, another in its place",
    "1% of packets lost",
]


@pytest.mark.parametrize(
    "cell",
    [
        "scheduler 0 cut off 10 s, dead after 5 s",
        "server 1 cut off for good, dead after 5 s",
        *(pytest.param(cell, marks=pytest.mark.slow) for cell in SLOW),
    ],
)
def test_cells(cell: str) -> None:
    done = run_python(SCRIPT, "--only", cell, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(cell) == 1
