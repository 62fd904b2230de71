"""Containers of the project's compose file: one that is killed comes back and costs no bit. Needs a Docker engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def _missing() -> str:
    """What this machine lacks, as the engine's client says it; "" where containers can be started."""
    for words in (("docker", "compose", "version"), ("docker", "info", "--format", "{{.ServerVersion}}")):
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            return (done.stderr or done.stdout).strip().splitlines()[-1]
    return ""


MISSING = _missing()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.fault,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(MISSING), reason=f"needs a Docker engine with compose: {MISSING}"),
]


def test_a_killed_container_comes_back_with_equal_weights() -> None:
    build = ["docker", "compose", "-f", str(HERE.parents[1] / "compose.yaml"), "build"]
    subprocess.run(build, check=True, capture_output=True, timeout=900)
    script = [sys.executable, str(HERE / "compose_faults.py"), "--only", "worker-2 kill"]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=800, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
