"""What the launcher's tests share."""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import suppress

import pytest
from processes import end_started, marked, wait_for


@pytest.fixture
def mark() -> Iterator[str]:
    """A name for the processes of one test; at its end none of them may still run."""
    name = uuid.uuid4().hex
    yield name
    try:
        wait_for("the end of every process of the test", lambda: not marked(name), timeout=10)
    finally:
        for pid in marked(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end_started()
