"""SIGKILL of a worker at a stated point of its script; a new process takes its place, and no bit differs."""

import pytest
from fault_training import digest_of, training, undisturbed
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

SECOND = {"MXTRAIN_TEST_LIFE": "2"}
POINTS = [
    (0, "before init"),
    (7, "in push"),
    (7, "in pull"),
    (7, "after pull"),
    (10, "after barrier"),
    (20, "at the end"),
]


@pytest.mark.parametrize("replicas", ["0", "1"])
@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize(("step", "where"), POINTS, ids=[where for _, where in POINTS])
def test_a_worker_is_killed_and_replaced(tmp_path, who, step, where, replicas):
    kill_and_replace(tmp_path, who, step, where, MXTRAIN_REPLICAS=replicas)


@pytest.mark.parametrize(("step", "where"), [(7, "in push"), (10, "after barrier")])
def test_the_same_over_grpc(tmp_path, step, where):
    kill_and_replace(tmp_path, 1, step, where, MXTRAIN_REPLICAS="1", MXTRAIN_KVSTORE_TRANSPORT="grpc")


def kill_and_replace(tmp_path, who, step, where, **env):
    expected = undisturbed(tmp_path)
    script = training(die_at=step, die_where=where, who=who)
    with Job(tmp_path, script, MXTRAIN_REPLACE_TIMEOUT="60", **env) as job:
        dead = job[f"worker {who}"]
        assert dead.process.wait(60) == -9, job.report()
        job.replace(dead.name, **SECOND)
        job.wait(90)
        codes = [node.process.returncode for node in job.nodes if node is not dead]
        assert set(codes) == {0}, job.report()
        assert {digest_of(node) for node in job.of("worker") if node is not dead} == {expected}, job.report()
