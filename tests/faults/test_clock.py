"""The clock of a machine jumps in mid-training: deadlines go by a clock that never does, and nothing else asks."""

import os
from pathlib import Path

import pytest
from fault_training import digest_of, training, undisturbed
from job import Job

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
pytestmark = [
    pytest.mark.fault,
    pytest.mark.timeout(500),
    pytest.mark.skipif(LIBRARY is None, reason="needs libfaketime (Debian's package faketime)"),
]
#: Workers sleep in their script, which libfaketime 0.9.10 breaks (EINVAL): there Python's clock is set.
SET_CLOCK = """
import time
_time, _names = time.time, {"d": 86400}

def _jumped():
    text = open(CLOCK).read()
    return _time() + (int(text[:-1]) * _names[text[-1]] if text[-1] in _names else int(text or 0))

time.time = _jumped
time.time_ns = lambda: int(_jumped() * 1e9)
"""
#: The training's step after which the clock is set, and how.
JUMPS = (("step 5", "+2d"), ("step 10", "-400d"), ("step 15", "+0"))


class JumpyJob(Job):
    """The clock of some roles follows a file. certificates: in workers, too, the one that they are judged by."""

    certificates = False

    def __init__(self, folder: Path, roles: tuple[str, ...], *words: object, **env: str) -> None:
        super().__init__(folder, *words, **env)
        self.clock = folder / "clock"
        self.clock.write_text("+0")
        self.roles = roles
        (folder / "python").mkdir(exist_ok=True)
        (folder / "python" / "sitecustomize.py").write_text(f"CLOCK = {str(self.clock)!r}" + SET_CLOCK)

    def start(self, role: str, rank: int, **env: str):
        if role in self.roles and role == "worker" and not self.certificates:
            path = [str(self.clock.parent / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
            env["PYTHONPATH"] = os.pathsep.join(path)
        elif role in self.roles:
            env |= {
                "LD_PRELOAD": str(LIBRARY),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        return super().start(role, rank, **env)


@pytest.mark.parametrize("roles", [("scheduler",), ("server",), ("worker",), ("scheduler", "server", "worker")])
def test_a_clock_jumps(tmp_path, roles):
    expected = undisturbed(tmp_path)
    key = {"MXTRAIN_CLUSTER_KEY": "a key for this test"}
    beats = {"PS_HEARTBEAT_INTERVAL": "1", "PS_HEARTBEAT_TIMEOUT": "20"}
    with JumpyJob(tmp_path, roles, training(pause=0.1), MXTRAIN_REPLICAS="1", **key, **beats) as job:
        for step, jump in JUMPS:
            job["worker 0"].says(step, 120)
            job.clock.write_text(jump)
        job.succeed(150)
        assert {digest_of(node) for node in job.of("worker")} == {expected}
        assert "is dead" not in job.report()
        assert "is gone" not in job.report()


def test_a_scheduler_is_replaced_after_the_clock_has_jumped(tmp_path):
    """A connection that is opened anew looks at certificates, which hold from 2020 to 2120.

    Not for workers: where only Python's clock is set, gRPC's Python half and its core disagree about deadlines.
    """
    expected = undisturbed(tmp_path)
    script = training(pause=0.1)
    with JumpyJob(tmp_path, ("scheduler", "server"), script, MXTRAIN_CLUSTER_KEY="a key for this test") as job:
        job["worker 0"].says("step 5", 120)
        job.clock.write_text("-400d")
        dead = job["scheduler 0"]
        job.kill("scheduler 0")
        job.replace("scheduler 0")
        job.wait(150)
        assert {digest_of(node) for node in job.of("worker")} == {expected}, job.report()
        assert {node.process.returncode for node in job.nodes if node is not dead} == {0}, job.report()


def test_a_clock_that_no_certificate_fits_is_named(tmp_path):
    key = {"MXTRAIN_CLUSTER_KEY": "a key for this test", "MXTRAIN_CONNECT_TIMEOUT": "5"}
    job = JumpyJob(tmp_path, ("worker",), training(), 1, 1, MXTRAIN_JOIN_TIMEOUT="15", **key)
    job.certificates = True
    job.clock.write_text("-12y")
    with job:
        text = job.end(job["worker 0"])
        assert "clock" in text, text
