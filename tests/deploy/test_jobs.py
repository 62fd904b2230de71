"""Whole jobs: the launcher with real schedulers, servers and workers."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from processes import marked, run_python, start_python, wait_for

pytestmark = pytest.mark.e2e

LAUNCH = ("-m", "mxtrain_deploy", "launch", "-n", "2", "-s", "2")
# Three rounds of dist_sync: every worker pushes its rank + 1, so each round's sum is 3.
ROUNDS = """
import os, sys, time
import {mxnet} as mx
kv = mx.kv.create("dist_sync")
print("pid", os.getpid(), "rank", kv.rank, "of", kv.num_workers, flush=True)
kv.init("w", mx.nd.zeros((2, 3)))
out = mx.nd.zeros((2, 3))
for _ in range({rounds}):
    kv.push("w", mx.nd.ones((2, 3)) * (kv.rank + 1))
    kv.pull("w", out=out)
    out.wait_to_read()
print("sum", out.asnumpy().tolist())
"""
FAILS = """
import mxtrain as mx
kv = mx.kv.create("dist_sync")
if kv.rank == 1:
    raise ValueError("no data")
kv.barrier()
"""
SUM = [f"[worker {rank}] sum [[3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]" for rank in range(2)]


def write(directory: Path, mxnet: str = "mxtrain", rounds: int = 3) -> str:
    path = directory / "rounds.py"
    path.write_text(ROUNDS.format(mxnet=mxnet, rounds=rounds))
    return str(path)


def sums(stdout: str) -> list[str]:
    return sorted(line for line in stdout.splitlines() if " sum " in line)


def start_long_job(mark: str, directory: Path, *options: str) -> subprocess.Popen:
    """A job in the middle of its rounds."""
    launcher = start_python(*LAUNCH, *options, write(directory, rounds=10**9), mark=mark)
    for _ in range(2):
        assert " of 2" in launcher.stdout.readline()
    return launcher


def children(mark: str, role: str) -> list[int]:
    """The ids of a job's processes of one role."""
    entry = f"DMLC_ROLE={role}".encode()
    return [pid for pid in marked(mark) if entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")]


def test_every_process_ends_by_itself(mark: str, tmp_path: Path) -> None:
    done = run_python(*LAUNCH, write(tmp_path), mark=mark)
    assert (done.returncode, done.stderr, sums(done.stdout)) == (0, "", SUM)


def test_an_unmodified_mxnet_script(mark: str, tmp_path: Path) -> None:
    done = run_python(*LAUNCH, "mxtrain", "run", write(tmp_path, mxnet="mxnet"), mark=mark)
    assert (done.returncode, sums(done.stdout)) == (0, SUM), done.stderr


def test_mxnets_launcher_arguments(mark: str, tmp_path: Path) -> None:
    launch_py = str(Path(__file__).parents[2] / "deploy" / "launch.py")
    done = run_python(launch_py, "-n", "2", "--launcher", "local", "python", write(tmp_path), mark=mark)
    assert (done.returncode, sums(done.stdout)) == (0, SUM), done.stderr


def test_a_launcher_that_runs_the_script_in_every_role(mark: str, tmp_path: Path) -> None:
    """The script of a server or scheduler serves at `import mxnet` and exits with 0, as MXNet's did."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": str(port), "DMLC_NODE_HOST": "127.0.0.1"}
    place |= {"DMLC_NUM_WORKER": "2", "DMLC_NUM_SERVER": "1"}
    script = write(tmp_path, mxnet="mxnet")
    processes = [
        start_python("-m", "mxtrain", "run", script, mark=mark, env={**place, "DMLC_ROLE": role})
        for role in ("scheduler", "server", "worker", "worker")
    ]
    ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert [code for _, code in ended] == [0, 0, 0, 0], ended
    assert [stdout.count("sum [[3.0") for (stdout, _), _ in ended] == [0, 0, 1, 1]


@pytest.mark.fault
@pytest.mark.parametrize("role", ["worker", "server", "scheduler"])
def test_a_killed_process_is_named_and_the_job_ends(mark: str, tmp_path: Path, role: str) -> None:
    launcher = start_long_job(mark, tmp_path, "--max-restarts", "0")
    victim = children(mark, role)[-1]
    os.kill(victim, signal.SIGKILL)
    _, stderr = launcher.communicate(timeout=20)
    assert launcher.returncode == 128 + signal.SIGKILL
    assert re.search(rf"\[launcher\] {role}( \d)? \(pid {victim}\) died: killed by SIGKILL", stderr)


@pytest.mark.fault
def test_an_interrupt_ends_everybody_within_five_seconds(mark: str, tmp_path: Path) -> None:
    launcher = start_long_job(mark, tmp_path)
    launcher.send_signal(signal.SIGINT)
    launcher.communicate(timeout=5)
    assert launcher.returncode == 128 + signal.SIGINT
    assert not marked(mark)


@pytest.mark.fault
def test_a_killed_launcher_ends_everybody(mark: str, tmp_path: Path) -> None:
    launcher = start_long_job(mark, tmp_path)
    launcher.kill()
    launcher.communicate(timeout=10)
    wait_for("the end of the job", lambda: not marked(mark), timeout=10)


def test_a_port_in_use_is_named(mark: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_python(*LAUNCH, "--port", str(port), write(tmp_path), mark=mark)
    assert done.returncode == 1
    assert re.search(rf"\[scheduler\].*{port}", done.stderr)
    assert re.search(r"\[launcher\] scheduler \(pid \d+\) died: exit code 1", done.stderr)


def test_a_worker_that_fails_ends_the_job_with_its_error(mark: str, tmp_path: Path) -> None:
    path = tmp_path / "fails.py"
    path.write_text(FAILS)
    done = run_python(*LAUNCH, str(path), mark=mark)
    assert done.returncode == 1
    assert "[worker 1] ValueError: no data" in done.stderr
    assert re.search(r"\[launcher\] worker .*died: exit code 1", done.stderr)
    assert re.search(r"\bworker 1 \(pid \d+\) died: exit code 1", done.stderr)


def test_the_scheduler_beyond_loopback_needs_a_key(mark: str) -> None:
    place = ["--ps-root-uri", "0.0.0.0", "--ps-root-port", "9091", "--num-worker", "1", "--num-server", "1"]
    done = run_python("-m", "mxtrain_deploy", "scheduler", *place, mark=mark, env={"MXTRAIN_CLUSTER_KEY": ""})
    assert done.returncode == 1
    assert "MXTRAIN_CLUSTER_KEY" in done.stderr
