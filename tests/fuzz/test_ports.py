"""A few seconds of what ports.py does for longer: strangers at every port, and a job that goes on."""

from pathlib import Path

import pytest
from processes import run_python

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
SCRIPT = str(Path(__file__).parent / "ports.py")


@pytest.mark.parametrize("options", [(), ("--key",), ("--grpc",)], ids=["open", "key", "grpc"])
def test_strangers_at_every_port(options: tuple[str, ...]) -> None:
    done = run_python(SCRIPT, "--seconds", "3", *options, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "weights right" in done.stdout
