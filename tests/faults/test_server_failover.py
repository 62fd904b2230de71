"""SIGKILL of a server in a job with replicas: workers notice a delay only, and the weights have equal bits."""

import time

import pytest
from fault_training import digest_of, training, undisturbed
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]


@pytest.mark.parametrize("transport", ["shm", "tcp"])
@pytest.mark.parametrize("victim", ["server 0", "server 1"])
def test_a_server_is_killed(tmp_path, victim, transport):
    script = training(pause=0.05)
    expected = undisturbed(tmp_path)
    with Job(tmp_path, script, MXTRAIN_REPLICAS="1", MXTRAIN_KVSTORE_TRANSPORT=transport) as job:
        for node in job.of("worker"):
            node.says("step 5")
        time.sleep(0.07)
        job.kill(victim)
        codes = job.wait(60)
        assert codes.pop(victim) == -9
        assert set(codes.values()) == {0}, job.report()
        assert {digest_of(node) for node in job.of("worker")} == {expected}, job.report()
        assert f"{victim} (host" in job["scheduler 0"].text
