"""The launcher replaces what is killed: the job goes on to the same weights, until nothing may be replaced any more."""

import os
import re
import signal
from pathlib import Path

import pytest
from fault_training import training
from job import PROLOGUE
from processes import marked, run_python, start_python, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LAUNCH = ("-m", "mxtrain_deploy", "launch", "-n", "2", "-s", "2")


def write(directory: Path, **how: object) -> str:
    path = directory / "train.py"
    path.write_text(PROLOGUE + training(**how))
    return str(path)


def digests(text: str) -> set[str]:
    return set(re.findall(r"^\[worker \d\] weights (\w+)$", text, re.MULTILINE))


def pid_of(mark: str, role: str, rank: int = 0) -> int:
    """The process of one role and rank; 0 where there is none."""
    wanted = {f"DMLC_ROLE={role}".encode(), f"DMLC_TASK_ID={rank}".encode()}
    for pid in marked(mark):
        if wanted <= set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")):
            return pid
    return 0


def kill(mark: str, role: str, rank: int) -> int:
    pid = pid_of(mark, role, rank)
    os.kill(pid, signal.SIGKILL)
    return pid


def read_until(launcher, words: str) -> str:
    text = ""
    while words not in text:
        line = launcher.stdout.readline()
        assert line, text + launcher.stderr.read()
        text += line
    return text


def test_everything_is_killed_once(mark: str, tmp_path: Path) -> None:
    (tmp_path / "calm").mkdir()
    calm = run_python(*LAUNCH, "--max-restarts", "0", write(tmp_path / "calm", steps=60), mark=mark + "calm")
    assert calm.returncode == 0, calm.stderr
    launcher = start_python(*LAUNCH, "--max-restarts", "4", write(tmp_path, steps=60, pause=0.2), mark=mark)
    text = read_until(launcher, "step 5\n")
    said = []
    for step, role, rank in ((10, "worker", 1), (20, "server", 0), (30, "scheduler", 0), (40, "worker", 0)):
        pid = kill(mark, role, rank)
        wait_for(f"a new {role}", lambda role=role, rank=rank, pid=pid: pid_of(mark, role, rank) not in (0, pid))
        label = role if role == "scheduler" else f"{role} {rank}"
        said.append(f"{label} (pid {pid}) died: killed by SIGKILL. Started again: {label} (pid ")
        text += read_until(launcher, f"step {step + 5}\n")
    stdout, stderr = launcher.communicate(timeout=120)
    assert launcher.returncode == 0, stderr
    assert digests(text + stdout) == digests(calm.stdout)
    assert len(digests(calm.stdout)) == 1
    for number, words in enumerate(said, 1):
        line = next(line for line in stderr.splitlines() if words in line)
        assert line.endswith(f"restart {number} of 4.")


def test_who_dies_before_it_has_registered_is_started_again_at_once(mark: str, tmp_path: Path) -> None:
    die = (
        "import os, signal\nfirst = __file__ + '.first'\n"
        "if os.environ['DMLC_WORKER_ID'] == '1' and not os.path.exists(first):\n"
        "    open(first, 'w').close()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "train.py"
    path.write_text(die + PROLOGUE + training(steps=5))
    done = run_python(*LAUNCH, str(path), mark=mark, timeout=150)
    assert done.returncode == 0, done.stderr
    assert re.search(r"worker 1 \(pid \d+\) died: killed by SIGKILL. Started again: worker 1 \(pid \d+\)", done.stderr)
    assert len(digests(done.stdout)) == 1


def test_when_nothing_may_be_replaced_any_more_the_job_ends(mark: str, tmp_path: Path) -> None:
    launcher = start_python(*LAUNCH, "--max-restarts", "1", write(tmp_path, steps=10**6, pause=0.05), mark=mark)
    read_until(launcher, "step 5\n")
    pid = kill(mark, "worker", 1)
    wait_for("a new worker", lambda: pid_of(mark, "worker", 1) not in (0, pid))
    read_until(launcher, "[worker 1] step")
    pid = kill(mark, "server", 0)
    _, stderr = launcher.communicate(timeout=60)
    assert launcher.returncode == 137
    assert f"server 0 (pid {pid}) died: killed by SIGKILL. Ending the job" in stderr
    assert not marked(mark)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-s", "1", "--replicas", "1"), "--replicas: expected at least 2 servers"),
        (("-s", "0", "--max-restarts", "1"), "--max-restarts: expected servers"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], says: str) -> None:
    done = run_python("-m", "mxtrain_deploy", "launch", "-n", "1", *arguments, "true")
    assert done.returncode == 2
    assert says in done.stderr
