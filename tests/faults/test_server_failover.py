"""SIGKILL of a server in a job with replicas: workers notice a delay only, and the weights have equal bits."""

import time

import pytest
from fault_training import digest_of, training, undisturbed
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]


@pytest.mark.parametrize(("transport", "key"), [("shm", ""), ("tcp", ""), ("grpc", ""), ("grpc", "a secret")])
@pytest.mark.parametrize("victim", ["server 0", "server 1"])
def test_a_server_is_killed(tmp_path, victim, transport, key):
    script = training(pause=0.05)
    expected = undisturbed(tmp_path)
    env = {"MXTRAIN_REPLICAS": "1", "MXTRAIN_KVSTORE_TRANSPORT": transport, "MXTRAIN_CLUSTER_KEY": key}
    with Job(tmp_path, script, **env) as job:
        for node in job.of("worker"):
            node.says("step 5")
        time.sleep(0.07)
        job.kill(victim)
        codes = job.wait(60)
        assert codes.pop(victim) == -9
        assert set(codes.values()) == {0}, job.report()
        assert {digest_of(node) for node in job.of("worker")} == {expected}, job.report()
        assert f"{victim} (host" in job["scheduler 0"].text


def test_a_server_of_an_asynchronous_job_is_killed(tmp_path):
    with Job(tmp_path, training(kind="dist_async", pause=0.05), MXTRAIN_REPLICAS="1") as job:
        for node in job.of("worker"):
            node.says("step 5")
        job.kill("server 0")
        codes = job.wait(60)
        assert codes.pop("server 0") == -9
        assert set(codes.values()) == {0}, job.report()


def test_a_server_is_replaced_and_then_its_backup_dies(tmp_path):
    """What the replacement has learnt is all that is left."""
    expected = undisturbed(tmp_path)
    env = {"MXTRAIN_REPLICAS": "1", "MXTRAIN_REPLACE_TIMEOUT": "60", "PS_VERBOSE": "1"}
    with Job(tmp_path, training(hold_at=7), **env) as job:
        job["worker 0"].says("step 5")
        dead = [job["server 0"], job["server 1"]]
        job.kill("server 0")
        job.replace("server 0")
        for shard in (0, 1):
            job["scheduler 0"].says(f"has a copy of shard {shard}")
        job.kill("server 1")
        (tmp_path / "worker.py.go").touch()
        job.wait(90)
        assert {node.process.returncode for node in job.nodes if node not in dead} == {0}, job.report()
        assert {digest_of(node) for node in job.of("worker")} == {expected}


def test_both_servers_that_knew_something_die(tmp_path):
    with Job(tmp_path, training(steps=10000, pause=0.05), MXTRAIN_REPLICAS="1") as job:
        job["worker 0"].says("step 5")
        for victim in ("server 0", "server 1"):
            job.kill(victim)
        codes = job.wait(30)
        assert [codes[name] for name in ("scheduler 0", "worker 0", "worker 1")] == [1, 1, 1], job.report()
        for node in job.of("worker"):
            assert "nobody else knew its parameters" in node.text
            assert "--resume or load_checkpoint takes up its last checkpoint" in node.text


def test_a_worker_that_is_not_replaced_is_left_out(tmp_path):
    with Job(tmp_path, training(pause=0.05), MXTRAIN_REPLICAS="1") as job:
        job["worker 0"].says("step 5")
        job.kill("worker 1")
        codes = job.wait(60)
        assert codes.pop("worker 1") == -9
        assert set(codes.values()) == {0}, job.report()
        assert len(digest_of(job["worker 0"])) == 64
        assert "the job goes on without it" in job["scheduler 0"].text
