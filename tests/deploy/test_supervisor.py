"""The launcher with real processes: output, exit codes, deaths, and nothing left behind."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from processes import marked, run_python, start_python, wait_for

LAUNCH = ("-m", "mxtrain_deploy", "launch", "-s", "0")
# A worker that says that it runs, and then waits to be ended.
WAIT = "import time; print('up', flush=True); time.sleep(600)"
# The same, deaf to every request to end, with a child that is deaf too.
DEAF = """
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "child"])
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def deaf(tmp_path: Path) -> str:
    path = tmp_path / "deaf.py"
    path.write_text(DEAF)
    return str(path)


def start_job(num_workers: int, *command: str, mark: str) -> subprocess.Popen:
    return start_python(*LAUNCH, "-n", str(num_workers), *command, mark=mark)


def wait_up(launcher: subprocess.Popen, count: int) -> None:
    for _ in range(count):
        assert launcher.stdout.readline().endswith("] up\n")


def end(launcher: subprocess.Popen, timeout: float) -> tuple[int, str, str]:
    stdout, stderr = launcher.communicate(timeout=timeout)
    return launcher.returncode, stdout, stderr


def test_output_is_prefixed_and_streams_stay_apart(mark: str) -> None:
    code = "import os, sys; print('out', os.environ['DMLC_WORKER_ID']); print('err', file=sys.stderr)"
    done = run_python(*LAUNCH, "-n", "2", sys.executable, "-c", code, mark=mark)
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == ["[worker 0] out 0", "[worker 1] out 1"]
    assert sorted(done.stderr.splitlines()) == ["[worker 0] err", "[worker 1] err"]


def test_lines_of_many_processes_stay_whole(mark: str) -> None:
    # Each line is written in pieces, so that a reader sees many halves.
    code = """
import os
rank = os.environ["DMLC_WORKER_ID"]
for number in range(500):
    for piece in (rank * 40, f" {number} ", rank * 4000 + "\\n"):
        rest = piece.encode()
        while rest:  # one write to a pipe may take only a part
            rest = rest[os.write(1, rest) :]
"""
    done = run_python(*LAUNCH, "-n", "4", sys.executable, "-c", code, mark=mark)
    lines = Counter(
        re.fullmatch(r"\[worker (\d)\] (\1{40}) \d+ (\1{4000})", line)[1] for line in done.stdout.splitlines()
    )
    assert lines == {"0": 500, "1": 500, "2": 500, "3": 500}


def test_a_worker_is_told_its_place(mark: str) -> None:
    code = (
        "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k[:4] == 'DMLC' or k[-4:] in ends}))"
    )
    code = f"ends = ('_ONE', '_TWO', 'ROLE'); {code}"
    foreign = {"DMLC_ROLE": "server", "DMLC_SERVER_ID": "7", "MXTRAIN_ROLE": "server", "A_ROLE": "kept"}
    words = ("-n", "1", "--port", "9099", "--env", "A_ONE=1", "--env-worker", "A_TWO=2", sys.executable, "-c", code)
    done = run_python(*LAUNCH, *words, mark=mark, env=foreign)
    assert json.loads(done.stdout.removeprefix("[worker 0] ")) == {
        "DMLC_ROLE": "worker",
        "DMLC_WORKER_ID": "0",
        "DMLC_TASK_ID": "0",
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": "9099",
        "DMLC_NUM_WORKER": "1",
        "DMLC_NUM_SERVER": "0",
        "DMLC_NODE_HOST": "127.0.0.1",
        "DMLC_JOB_CLUSTER": "local",
        "A_ONE": "1",
        "A_TWO": "2",
        "A_ROLE": "kept",
    }


def test_the_cluster_key_is_on_no_command_line(mark: str) -> None:
    code = "import os; print(os.environ['MXTRAIN_CLUSTER_KEY'], repr(open(f'/proc/{os.getppid()}/cmdline').read()))"
    done = run_python(*LAUNCH, "-n", "1", sys.executable, "-c", code, mark=mark, env={"MXTRAIN_CLUSTER_KEY": "abc0"})
    assert done.stdout.startswith("[worker 0] abc0 ")
    assert done.stdout.count("abc0") == 1


def test_a_script_runs_by_this_python(mark: str, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("import sys; print(sys.executable, sys.argv[1:])")
    done = run_python(*LAUNCH, "-n", "1", str(script), "--lr", "-n", mark=mark)
    assert done.stdout == f"[worker 0] {sys.executable} ['--lr', '-n']\n"


def test_a_command_that_does_not_exist(mark: str) -> None:
    done = run_python(*LAUNCH, "-n", "2", "no-such-program", mark=mark)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'no-such-program' was not found on PATH" in done.stderr


def test_the_exit_code_is_the_workers_and_its_last_words_come_first(mark: str) -> None:
    code = f"import os, sys, time\nif os.environ['DMLC_WORKER_ID'] == '1': sys.exit('the reason')\n{WAIT}"
    done = run_python(*LAUNCH, "-n", "3", sys.executable, "-c", code, mark=mark)
    assert done.returncode == 1
    *_, reason, message = (line for line in done.stderr.splitlines() if "launcher" in line or "reason" in line)
    assert reason == "[worker 1] the reason"
    pattern = (
        r"\[launcher\] worker 1 \(pid \d+\) died: exit code 1\. Ending the job: worker 0, worker 2 still running\."
    )
    assert re.fullmatch(pattern, message)


def test_a_worker_may_end_early_with_success(mark: str) -> None:
    code = "import os, time; time.sleep(0.5 * int(os.environ['DMLC_WORKER_ID'])); print('done')"
    done = run_python(*LAUNCH, "-n", "2", sys.executable, "-c", code, mark=mark)
    assert (done.returncode, done.stdout) == (0, "[worker 0] done\n[worker 1] done\n")


@pytest.mark.fault
def test_a_killed_worker_is_named_and_the_job_ends(mark: str) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    launcher = start_job(2, sys.executable, "-c", code, mark=mark)
    pids = dict(launcher.stdout.readline().removeprefix("[").split("] ") for _ in range(2))
    os.kill(int(pids["worker 1"]), signal.SIGKILL)
    returncode, _, stderr = end(launcher, timeout=10)
    assert returncode == 128 + signal.SIGKILL
    assert f"worker 1 (pid {int(pids['worker 1'])}) died: killed by SIGKILL" in stderr


@pytest.mark.fault
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_launcher_ends_everything(mark: str, signum: signal.Signals) -> None:
    launcher = start_job(2, sys.executable, "-c", WAIT, mark=mark)
    wait_up(launcher, 2)
    launcher.send_signal(signum)
    assert end(launcher, timeout=5)[0] == 128 + signum


def test_an_interrupt_reaches_workers_of_a_launcher_in_the_background(mark: str) -> None:
    """The shell of a script lets its background processes ignore SIGINT."""
    code = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    ignore = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    )
    words = (sys.executable, *LAUNCH, "-n", "1", sys.executable, "-c", code)
    assert run_python("-c", ignore, *words, mark=mark).stdout == "[worker 0] True\n"


@pytest.mark.fault
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_deaf_processes_have_ended_within_five_seconds(mark: str, deaf: str, signum: signal.Signals) -> None:
    launcher = start_job(2, deaf, mark=mark)
    wait_up(launcher, 4)
    launcher.send_signal(signum)
    assert end(launcher, timeout=5)[0] == 128 + signum
    assert not marked(mark)


@pytest.mark.fault
def test_a_second_interrupt_kills_at_once(mark: str, deaf: str) -> None:
    launcher = start_job(1, deaf, mark=mark)
    wait_up(launcher, 2)
    launcher.send_signal(signal.SIGINT)
    launcher.send_signal(signal.SIGTERM)
    assert end(launcher, timeout=3)[0] in (128 + signal.SIGINT, 128 + signal.SIGTERM)


@pytest.mark.fault
def test_a_killed_launcher_leaves_nobody_behind(mark: str, deaf: str) -> None:
    launcher = start_job(2, deaf, mark=mark)
    wait_up(launcher, 4)
    launcher.kill()
    launcher.wait(timeout=5)
    wait_for("the end of workers and their children", lambda: not marked(mark), timeout=10)
    launcher.communicate()


@pytest.mark.fault
def test_what_a_worker_leaves_running_is_ended(mark: str) -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    done = run_python(*LAUNCH, "-n", "1", sys.executable, "-c", code, mark=mark)
    assert done.returncode == 0
    assert not marked(mark)


def test_a_reader_that_goes_away_ends_the_job(mark: str) -> None:
    code = "while True: print('line', flush=True)"
    launcher = start_job(1, sys.executable, "-c", code, mark=mark)
    launcher.stdout.readline()
    launcher.stdout.close()
    assert launcher.wait(timeout=10) == 128 + signal.SIGPIPE
    launcher.stderr.close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-n", "0", "true"], "x>=1"),
        (["-n", "1", "-s", "-1", "true"], "x>=0"),
        (["-n", "1"], "Missing argument 'COMMAND...'"),
        (["true"], "Missing option '-n'"),
        (["-n", "1", "--launcher", "ssh", "true"], "expected a host file"),
        (["-n", "1", "--env", "=x", "true"], "expected NAME=VALUE"),
        (["-n", "1", "--root-uri", "192.0.2.1", "true"], "Cannot listen on '192.0.2.1'"),
    ],
)
def test_bad_options_are_named(words: list[str], says: str) -> None:
    done = run_python("-m", "mxtrain_deploy", "launch", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
