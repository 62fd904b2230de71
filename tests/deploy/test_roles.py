"""Jobs with servers, whose processes are played by small programs."""

import io
import os
import re
import signal
import sys
from functools import partial

import pytest
from processes import MARK, marked

from mxtrain_deploy import supervisor
from mxtrain_deploy.job import Role, Task
from mxtrain_deploy.output import Screen
from mxtrain_deploy.processes import LocalProcess
from mxtrain_deploy.supervisor import Supervisor

SLEEP = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP


def run_job(mark: str, *parts: tuple[Role, int, str]) -> tuple[int, str]:
    """Run (role, rank, program) triples as one job; return the exit code and what the launcher wrote on stderr."""
    stderr = io.BytesIO()
    starters = [
        partial(LocalProcess, Task(role, rank, (sys.executable, "-c", code), {MARK: mark}), dict(os.environ))
        for role, rank, code in parts
    ]
    code = Supervisor(Screen(io.BytesIO(), stderr)).run(starters)
    return code, stderr.getvalue().decode()


@pytest.mark.fault
def test_a_killed_server_is_named_and_ends_the_job(mark: str) -> None:
    dies = "import os; os.kill(os.getpid(), 9)"
    code, stderr = run_job(
        mark, ("scheduler", 0, SLEEP), ("server", 0, SLEEP), ("server", 1, dies), ("worker", 0, SLEEP)
    )
    assert code == 128 + signal.SIGKILL
    message = (
        r"\[launcher\] server 1 \(pid \d+\) died: killed by SIGKILL\. Ending the job: scheduler, server 0, worker 0"
    )
    assert re.match(message, stderr)
    assert not marked(mark)


def test_servers_that_end_after_the_workers_are_in_order(mark: str) -> None:
    later = "import time; time.sleep(0.3)"
    assert run_job(mark, ("scheduler", 0, later), ("server", 0, later), ("worker", 0, "pass")) == (0, "")


def test_servers_that_end_before_the_workers_are_in_order(mark: str) -> None:
    later = "import time; time.sleep(0.3)"
    assert run_job(mark, ("scheduler", 0, "pass"), ("server", 0, "pass"), ("worker", 0, later)) == (0, "")


def test_servers_that_stay_after_the_workers_are_ended(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LINGER", 0.2)
    code, stderr = run_job(mark, ("scheduler", 0, SLEEP), ("server", 0, SLEEP), ("worker", 0, "pass"))
    assert code == 0
    assert re.match(r"\[launcher\] scheduler \(pid \d+\), server 0 \(pid \d+\) still running", stderr)


@pytest.mark.fault
def test_a_deaf_server_is_killed(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LINGER", 0.2)
    monkeypatch.setattr(supervisor, "KILL_AFTER", 0.2)
    assert run_job(mark, ("server", 0, DEAF), ("worker", 0, "pass"))[0] == 0
    assert not marked(mark)


@pytest.mark.fault
def test_a_command_that_cannot_start_ends_what_runs(mark: str) -> None:
    from mxtrain_deploy.job import LaunchError

    runs = partial(LocalProcess, Task("server", 0, (sys.executable, "-c", SLEEP), {MARK: mark}), dict(os.environ))
    fails = partial(LocalProcess, Task("worker", 0, ("/no/such/program",), {}), dict(os.environ))
    with pytest.raises(LaunchError, match=r"worker 0: cannot run '/no/such/program': No such file"):
        Supervisor(Screen(io.BytesIO(), io.BytesIO())).run([runs, fails])
    assert not marked(mark)


def test_signal_handlers_are_given_back(mark: str) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]
    run_job(mark, ("worker", 0, "pass"))
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]
    assert after == before
