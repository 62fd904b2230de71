"""A server that hangs (SIGSTOP) is given up after the heartbeat timeout; when it wakes up it learns so, and ends."""

import signal

import pytest
from fault_training import digest_of, training, undisturbed
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]


def test_a_server_hangs_and_wakes_up(tmp_path):
    expected = undisturbed(tmp_path)
    env = {"MXTRAIN_REPLICAS": "1", "PS_HEARTBEAT_INTERVAL": "0.5", "PS_HEARTBEAT_TIMEOUT": "4"}
    with Job(tmp_path, training(hold_at=12), **env) as job:
        job["worker 0"].says("step 5")
        job.send("server 0", signal.SIGSTOP)
        job["scheduler 0"].says("is dead: nothing was heard of it")
        job.send("server 0", signal.SIGCONT)
        assert job["server 0"].process.wait(30) == 75, job.report()
        (tmp_path / "worker.py.go").touch()
        codes = job.wait(60)
        assert "given up as dead" in job["server 0"].text
        codes.pop("server 0")
        assert set(codes.values()) == {0}, job.report()
        assert {digest_of(node) for node in job.of("worker")} == {expected}
