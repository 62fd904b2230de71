"""SIGKILL of the scheduler: nodes go on, find a new one at the same address, and survive what happens after."""

import time

import pytest
from fault_training import digest_of, training, undisturbed
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]


def finish(job: Job, expected: str, dead: list) -> None:
    job.wait(90)
    codes = {node.process.returncode for node in job.nodes if node not in dead}
    assert codes == {0}, job.report()
    assert {digest_of(node) for node in job.of("worker") if node not in dead} == {expected}, job.report()


@pytest.mark.parametrize("moment", ["forming", "early", "training", "end"])
def test_the_scheduler_is_killed_and_started_again(tmp_path, moment):
    expected = undisturbed(tmp_path)
    with Job(tmp_path, training(pause=0.1), PS_VERBOSE="1") as job:
        dead = job["scheduler 0"]
        if moment == "forming":
            dead.says("has joined")
        else:
            job["worker 0"].says({"early": "", "training": "step 5", "end": "step 20"}[moment])
        job.kill("scheduler 0")
        job.replace("scheduler 0")
        finish(job, expected, [dead])


def test_training_goes_on_while_there_is_no_scheduler_and_a_server_dies_later(tmp_path):
    expected = undisturbed(tmp_path)
    script = training(pause=0.1).replace("kv.barrier()\n        perhaps", "perhaps")
    with Job(tmp_path, script, MXTRAIN_REPLICAS="1") as job:
        job["worker 0"].says("step 5")
        dead = [job["scheduler 0"], job["server 1"]]
        job.kill("scheduler 0")
        job["worker 0"].says("step 10")
        job.replace("scheduler 0").says("goes on under a new scheduler")
        job.kill("server 1")
        finish(job, expected, dead)


def test_a_scheduler_and_a_server_die_together(tmp_path):
    expected = undisturbed(tmp_path)
    with Job(tmp_path, training(pause=0.1), MXTRAIN_REPLICAS="1", MXTRAIN_SCHEDULER_TIMEOUT="20") as job:
        job["worker 0"].says("step 5")
        dead = [job["scheduler 0"], job["server 0"]]
        for node in dead:
            job.kill(node.name)
        job.replace("scheduler 0")
        finish(job, expected, dead)


def test_a_scheduler_that_does_not_come_back(tmp_path):
    with Job(tmp_path, training(steps=10000, pause=0.1), MXTRAIN_SCHEDULER_TIMEOUT="3") as job:
        job["worker 0"].says("step 5")
        pid = job.kill("scheduler 0")
        start = time.monotonic()
        codes = job.wait(40)
        assert time.monotonic() - start > 2.5
        codes.pop("scheduler 0")
        assert set(codes.values()) == {1}, job.report()
        for node in job.of("worker") + job.of("server"):
            assert "waiting for it for 3 s" in node.text
            assert f"pid {pid}, at 127.0.0.1:{job.port}) is gone" in node.text
