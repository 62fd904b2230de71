"""`deploy/launch.py` takes the command line of MXNet's tools/launch.py."""

import sys
from pathlib import Path

import pytest
from processes import run_python

LAUNCH_PY = str(Path(__file__).parents[2] / "deploy" / "launch.py")


def test_a_local_job_with_mxnets_arguments(mark: str) -> None:
    code = "import os; print(*(os.environ[name] for name in ('DMLC_NUM_WORKER', 'ONE', 'TWO', 'HERE')))"
    words = ("-n", "2", "-s", "0", "--launcher", "local", "--env-worker", "ONE:1", "--env-worker", "TWO:a:b")
    done = run_python(LAUNCH_PY, *words, "--env", "HERE", sys.executable, "-c", code, mark=mark, env={"HERE": "here"})
    assert (done.returncode, sorted(done.stdout.splitlines())) == (
        0,
        ["[worker 0] 2 1 a:b here", "[worker 1] 2 1 a:b here"],
    )


def test_a_quoted_command_is_a_line_for_the_shell(mark: str) -> None:
    done = run_python(
        LAUNCH_PY, "-n", "1", "-s", "0", "--launcher", "local", "ONE=1 sh -c 'echo $ONE; exit 3'", mark=mark
    )
    assert (done.returncode, done.stdout) == (3, "[worker 0] 1\n")


def test_options_of_the_command_stay_with_the_command(mark: str) -> None:
    done = run_python(LAUNCH_PY, "-n", "1", "-s", "0", "--launcher", "local", "echo", "-n", "5", "--p3", mark=mark)
    assert done.stdout == "[worker 0] 5 --p3\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-n", "1", "true"], "expected a host file"),
        (["-n", "1", "--launcher", "yarn", "true"], "expected local, ssh or mpi"),
        (["-n", "1", "--launcher", "local"], "expected the workers' command"),
        (["-n", "0", "--launcher", "local", "true"], "expected at least 1 worker. Received: 0"),
        (["-n", "1", "-s", "-1", "--launcher", "local", "true"], "expected 0 or more servers. Received: -1"),
    ],
)
def test_bad_arguments_are_named(words: list[str], says: str) -> None:
    done = run_python(LAUNCH_PY, *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
