"""Servers are added to a job that trains; moves of shards, and deaths in the middle of them, change no bit."""

import pytest
from fault_training import digest_of, training, undisturbed
from job import Job
from shard_status import wait_until_balanced

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

STEPS, HOLD = 40, 30


def env(replicas: int, **more: str) -> dict[str, str]:
    return {"MXTRAIN_MAX_SERVERS": "4", "MXTRAIN_REPLICAS": str(replicas), "PS_VERBOSE": "1", **more}


def go_on_to_the_end(job: Job, folder, dead: list) -> None:
    expected = undisturbed(folder, steps=STEPS)
    (folder / "worker.py.go").touch()
    job.wait(90)
    assert {node.process.returncode for node in job.nodes if node not in dead} == {0}, job.report()
    assert {digest_of(node) for node in job.of("worker")} == {expected}, job.report()


@pytest.mark.parametrize("replicas", [0, 1])
@pytest.mark.parametrize("transport", ["shm", "tcp"])
def test_two_servers_are_added(tmp_path, transport, replicas):
    script = training(steps=STEPS, pause=0.1, hold_at=HOLD)
    with Job(tmp_path, script, **env(replicas, MXTRAIN_KVSTORE_TRANSPORT=transport)) as job:
        job["worker 0"].says("step 5")
        for rank in (2, 3):
            job.start("server", rank)
        wait_until_balanced(job.port, 4)
        go_on_to_the_end(job, tmp_path, [])


@pytest.mark.parametrize("moment", ["learns shard", "has a copy of shard"])
@pytest.mark.parametrize("victim", ["server 2", "server 0", "scheduler 0"])
def test_one_is_killed_in_the_middle_of_a_move(tmp_path, victim, moment):
    script = training(steps=STEPS, pause=0.1, hold_at=HOLD)
    with Job(tmp_path, script, **env(1, MXTRAIN_REPLACE_TIMEOUT="60")) as job:
        job["worker 0"].says("step 5")
        job.start("server", 2)
        scheduler = job["scheduler 0"]
        scheduler.says(moment)
        dead = [job[victim]]
        job.kill(victim)
        job.replace(victim)
        wait_until_balanced(job.port, 3)
        go_on_to_the_end(job, tmp_path, dead)


@pytest.mark.parametrize("victim", ["server 2", "scheduler 0"])
def test_without_replicas_a_newcomer_that_learns_or_the_scheduler_may_die(tmp_path, victim):
    script = training(steps=STEPS, pause=0.1, hold_at=HOLD)
    with Job(tmp_path, script, **env(0, MXTRAIN_REPLACE_TIMEOUT="60")) as job:
        job["worker 0"].says("step 5")
        job.start("server", 2)
        job["scheduler 0"].says("learns shard" if victim == "scheduler 0" else "server 2 (host")
        dead = [job[victim]]
        job.kill(victim)
        job.replace(victim)
        wait_until_balanced(job.port, 3)
        go_on_to_the_end(job, tmp_path, dead)


def test_work_is_divided_again_after_a_death(tmp_path):
    expected = undisturbed(tmp_path)
    more = {"MXTRAIN_REPLICAS": "1", "MXTRAIN_REPLACE_TIMEOUT": "60"}
    with Job(tmp_path, training(pause=0.1, hold_at=17), **more) as job:
        job["worker 0"].says("step 5")
        dead = job["server 0"]
        job.kill("server 0")
        job.replace("server 0")
        wait_until_balanced(job.port, 2)
        (tmp_path / "worker.py.go").touch()
        job.wait(90)
        assert {node.process.returncode for node in job.nodes if node is not dead} == {0}, job.report()
        assert {digest_of(node) for node in job.of("worker")} == {expected}


def test_one_more_than_may_be_added_is_refused(tmp_path):
    with Job(tmp_path, training(steps=30, pause=0.1), MXTRAIN_MAX_SERVERS="2") as job:
        job["worker 0"].says("step 5")
        assert "Expected: 2 server(s). Received: one more" in job.end(job.start("server", 2))
        job.succeed(90)
