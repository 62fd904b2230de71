"""Whole jobs are told to end, or cannot go on: they stop with a checkpoint, from which they go on to equal bits."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
from job import Job
from processes import marked, run_python, start_python, wait_for

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

SUPPORT = Path(__file__).parent.parent / "support"
TRAINING = str(SUPPORT / "stoppable_training.py")


def script(prefix: Path) -> str:
    words = [TRAINING, str(prefix)]
    return f"import runpy, sys\nsys.argv = {words!r}\nrunpy.run_path({TRAINING!r}, run_name='__main__')\n"


def digests(job: Job) -> dict[str, str]:
    found = {node.name: re.findall(r"^weights (\w+)$", node.text, re.MULTILINE) for node in job.of("worker")}
    return {name: digest[0] for name, digest in found.items() if digest}


def run(folder: Path, prefix: Path, **env: str) -> dict[str, str]:
    """Train to the end; the digests of the workers."""
    folder.mkdir(exist_ok=True)
    with Job(folder, script(prefix), **env) as job:
        job.succeed(120)
        return digests(job)


_EXPECTED: dict[str, dict[str, str]] = {}


def expected(tmp_path: Path, **env: str) -> dict[str, str]:
    """The digests of a job that nobody disturbs."""
    name = str(sorted(env.items()))
    if name not in _EXPECTED:
        (tmp_path / "calm").mkdir()
        _EXPECTED[name] = run(tmp_path / "calm", tmp_path / "calm" / "net", **env)
    return _EXPECTED[name]


def stop_all(job: Job, words: str = "step 1 1") -> dict[str, int]:
    """Every process of a running job gets SIGTERM, as when its containers are stopped."""
    job["worker 0"].says(words)
    for node in job.nodes:
        node.process.send_signal(signal.SIGTERM)
    return job.wait(60)


CODES = {"scheduler 0": 0, "server 0": 0, "server 1": 0, "worker 0": 85, "worker 1": 85}


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"MXTRAIN_REPLICAS": "1", "MXTRAIN_REPLACE_TIMEOUT": "60", "COMPRESSION": "2bit"},
        {"OPTIMIZER": "sgd", "MXNET_UPDATE_ON_KVSTORE": "0", "MXTRAIN_KVSTORE_TRANSPORT": "tcp"},
    ],
    ids=["plain", "replicas and compression", "optimizer on the workers"],
)
def test_everybody_is_told_to_end(tmp_path: Path, env: dict[str, str]) -> None:
    with Job(tmp_path, script(tmp_path / "net"), PAUSE="0.2", **env) as job:
        assert stop_all(job) == CODES, job.report()
    assert list(tmp_path.glob("net-stop-*.position"))
    assert run(tmp_path, tmp_path / "net", **env) == expected(tmp_path, **env)


def test_asynchronous_jobs_stop_too(tmp_path: Path) -> None:
    with Job(tmp_path, script(tmp_path / "net"), KIND="dist_async", PAUSE="0.2") as job:
        assert stop_all(job) == CODES, job.report()
    with Job(tmp_path, script(tmp_path / "net"), KIND="dist_async") as job:
        job.succeed(120)
        assert "step 0 0" not in job.report()
        assert "nothing is known" not in job.report()


@pytest.mark.parametrize("who", [0, 1])
def test_too_few_workers_are_left(tmp_path: Path, who: int) -> None:
    """A worker dies, and may not: the other stops with a checkpoint of weights and states of one step."""
    with Job(tmp_path, script(tmp_path / "net"), PAUSE="0.2", MXTRAIN_MIN_WORKERS="2") as job:
        job[f"worker {who}"].says("step 1 1")
        job.kill(f"worker {who}")
        codes = job.wait(60)
        assert codes == {**CODES, f"worker {who}": -9}, job.report()
        assert "1 of at least 2 worker(s) are left" in job[f"worker {1 - who}"].text
    with Job(tmp_path, script(tmp_path / "net")) as job:
        job.succeed(120)
        assert f"nothing is known of worker {who}" in job[f"worker {who}"].text
        assert "step 0 0" not in job.report()
        assert len(digests(job)) == 2


def test_a_server_dies_that_nobody_can_replace(tmp_path: Path) -> None:
    """Its optimizer states are gone: weights of one step are left, which a resumed job takes only if it is asked to."""
    with Job(tmp_path, script(tmp_path / "net"), PAUSE="0.2") as job:
        job["worker 0"].says("step 1 1")
        job.kill("server 1")
        codes = job.wait(60)
        assert codes["worker 0"] == 1, job.report()
        assert "its weights, without optimizer states, are in" in job["worker 0"].text
    assert len(list(tmp_path.glob("net-stop-*.position"))) == 1
    assert not list(tmp_path.glob("net-stop-*.states"))
    with Job(tmp_path, script(tmp_path / "net"), PARTIAL="1") as job:
        job.succeed(120)
        assert "step 1 0" not in job.report()
    for path in tmp_path.glob("net-000[23].*"):
        path.unlink()
    assert run(tmp_path, tmp_path / "net") == expected(tmp_path), "it goes on from the end of the first epoch"


def test_who_does_not_come_to_the_last_step(tmp_path: Path) -> None:
    """The deadline: everybody is told who was waited for; nothing half-written is taken up."""
    with Job(tmp_path, script(tmp_path / "net"), PAUSE="0.2", MXTRAIN_STOP_TIMEOUT="2") as job:
        job["worker 1"].says("step 1 1")
        job.send("worker 1", signal.SIGSTOP)
        job.send("worker 0", signal.SIGTERM)
        assert job["worker 0"].process.wait(30) == 1, job.report()
        assert "within 2 s (MXTRAIN_STOP_TIMEOUT): worker 1" in job["worker 0"].text
        job.kill("worker 1")
        job.wait(30)
    assert run(tmp_path, tmp_path / "net") == expected(tmp_path)


# ---------------------------------------------------------------- with the launcher

LAUNCH = ("-m", "mxtrain_deploy", "launch", "-n", "2", "-s", "2")


def pid_of(mark: str, role: str, rank: int) -> int:
    wanted = {f"DMLC_ROLE={role}".encode(), f"DMLC_TASK_ID={rank}".encode()}
    return next(p for p in marked(mark) if wanted <= set(Path(f"/proc/{p}/environ").read_bytes().split(b"\0")))


def begun(launcher, words: str = "[worker 0] step 1 1\n") -> None:
    line = ""
    while line != words:
        line = launcher.stdout.readline()
        assert line, launcher.stderr.read()


def launched_digests(text: str) -> dict[str, str]:
    return dict(re.findall(r"^\[(worker \d)\] weights (\w+)$", text, re.MULTILINE))


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_the_launcher_is_told_to_end(tmp_path: Path, signum: int) -> None:
    mark = str(tmp_path)
    launcher = start_python(*LAUNCH, TRAINING, str(tmp_path / "net"), mark=mark, env={"PAUSE": "0.2"})
    begun(launcher)
    launcher.send_signal(signum)
    _, stderr = launcher.communicate(timeout=60)
    assert launcher.returncode == 128 + signum, stderr
    assert "the training stops in order" in stderr
    assert "died" not in stderr
    wait_for("the end of all processes", lambda: not marked(mark))
    again = run_python(*LAUNCH, TRAINING, str(tmp_path / "net"))
    assert launched_digests(again.stdout) == expected(tmp_path)


def test_no_process_may_be_started_again(tmp_path: Path) -> None:
    mark, prefix = str(tmp_path), str(tmp_path / "net")
    words = (*LAUNCH, "--max-restarts", "0", TRAINING, prefix)
    launcher = start_python(*words, mark=mark, env={"PAUSE": "0.2"})
    begun(launcher)
    os.kill(pid_of(mark, "worker", 1), signal.SIGKILL)
    _, stderr = launcher.communicate(timeout=60)
    assert launcher.returncode == 128 + signal.SIGKILL, stderr
    assert "worker 1 (pid" in stderr
    assert "died: killed by SIGKILL" in stderr
    assert "the training stops in order" in stderr
    again = run_python(*LAUNCH, TRAINING, prefix)
    assert again.returncode == 0, again.stderr
    assert "[worker 0] step 0 0" not in again.stdout


def test_one_worker_alone_is_told_to_end(tmp_path: Path) -> None:
    """Its container has to leave its machine, say: another takes its place, and the weights are as if nothing was."""
    mark = str(tmp_path)
    launcher = start_python(*LAUNCH, TRAINING, str(tmp_path / "net"), mark=mark, env={"PAUSE": "0.5"})
    begun(launcher, "[worker 0] step 0 1\n")
    os.kill(pid_of(mark, "worker", 1), signal.SIGTERM)
    stdout, stderr = launcher.communicate(timeout=120)
    assert launcher.returncode == 0, stderr
    assert "this worker alone was told to end" in stderr
    assert re.search(r"worker 1 \(pid \d+\) died: killed by SIGTERM\. Started again", stderr)
    assert launched_digests(stdout) == expected(tmp_path)


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    mark = str(tmp_path)
    launcher = start_python(*LAUNCH, TRAINING, str(tmp_path / "net"), mark=mark, env={"PAUSE": "5"})
    begun(launcher, "[worker 0] step 0 0\n")
    start = time.monotonic()
    launcher.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    launcher.send_signal(signal.SIGTERM)
    launcher.communicate(timeout=60)
    assert launcher.returncode == 128 + signal.SIGTERM
    assert time.monotonic() - start < 4, "before the end of a step"
    wait_for("the end of all processes", lambda: not marked(mark))
