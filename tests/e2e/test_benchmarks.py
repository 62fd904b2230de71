"""The runner of the benchmarks prints its table; figures are not judged here."""

from pathlib import Path

import pytest
from processes import run_python

pytestmark = pytest.mark.e2e

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"
QUICK = ("--rounds", "1", "--seconds", "0.1", "--threads", "1")


def test_table_without_peers() -> None:
    done = run_python(str(RUN), *QUICK, "--only", "add", "--only", "mlp", timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1] for line in done.stdout.splitlines() if "|" in line}
    assert rows["add 10 elements"] == "us"
    assert rows["train mlp"] == "samples/s"
    assert rows["train mlp: peak memory"] == "MiB"


def test_a_peer_that_fails_is_named() -> None:
    done = run_python(str(RUN), *QUICK, "--only", "add", "--mxnet-python", "/bin/false", timeout=110)
    assert done.returncode == 1
    assert "failed: mxnet" in done.stdout
    assert "add 10 elements" in done.stdout
