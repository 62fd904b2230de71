"""What each process of a job is told."""

import sys
from pathlib import Path

import pytest

from mxtrain_deploy.environment import check_script
from mxtrain_deploy.job import Job, LaunchError, make_tasks, parse_assignments
from mxtrain_deploy.supervised import cluster_key

JOB = Job(
    command=("python", "train.py", "--lr", "0.1"),
    num_workers=2,
    num_servers=3,
    root_uri="10.0.0.1",
    root_port=9091,
    cluster="local",
    cluster_key="00ff",
    env={"A": "all", "B": "all"},
    env_server={"B": "server"},
    env_worker={"B": "worker"},
)


def test_one_scheduler_then_servers_then_workers() -> None:
    tasks = make_tasks(JOB)
    assert [task.label for task in tasks] == ["scheduler", "server 0", "server 1", "server 2", "worker 0", "worker 1"]
    assert tasks[0].argv == (sys.executable, "-m", "mxtrain_deploy", "scheduler")
    assert tasks[1].argv == (sys.executable, "-m", "mxtrain_deploy", "server")
    assert tasks[-1].argv == JOB.command


def test_a_job_without_servers_has_no_scheduler() -> None:
    job = Job(("true",), 1, 0, "127.0.0.1", 1, "local", "")
    assert [task.label for task in make_tasks(job)] == ["worker 0"]


def test_every_process_knows_its_place() -> None:
    env = {task.label: task.env for task in make_tasks(JOB)}
    common = {
        "DMLC_PS_ROOT_URI": "10.0.0.1",
        "DMLC_PS_ROOT_PORT": "9091",
        "DMLC_NUM_WORKER": "2",
        "DMLC_NUM_SERVER": "3",
        "DMLC_JOB_CLUSTER": "local",
        "MXTRAIN_CLUSTER_KEY": "00ff",
        "MXTRAIN_REPLICAS": "0",
        "MXTRAIN_STOP_TIMEOUT": "25",
        "A": "all",
    }
    assert env["scheduler"] == {**common, "B": "all", "DMLC_ROLE": "scheduler", "DMLC_TASK_ID": "0"}
    server = {**common, "B": "server", "DMLC_ROLE": "server", "DMLC_TASK_ID": "2", "DMLC_SERVER_ID": "2"}
    assert env["server 2"] == server
    worker = {**common, "B": "worker", "DMLC_ROLE": "worker", "DMLC_TASK_ID": "1", "DMLC_WORKER_ID": "1"}
    assert env["worker 1"] == worker


def test_a_key_is_made_for_each_job_that_leaves_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MXTRAIN_CLUSTER_KEY", raising=False)
    assert cluster_key(["127.0.0.1", "localhost"]) == ""
    keys = {cluster_key(["127.0.0.1", "node1"]), cluster_key(["10.0.0.1"])}
    assert [len(bytes.fromhex(key)) for key in keys] == [32, 32]
    monkeypatch.setenv("MXTRAIN_CLUSTER_KEY", "ours")
    assert cluster_key(["10.0.0.1"]) == cluster_key(["127.0.0.1"]) == "ours"


def test_assignments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "set")
    texts = ["A=1", "B:2", "C=a:b", "D:a=b", "HERE", "EMPTY="]
    expected = {"A": "1", "B": "2", "C": "a:b", "D": "a=b", "HERE": "set", "EMPTY": ""}
    assert parse_assignments(texts, "--env") == expected


@pytest.mark.parametrize(
    ("text", "says"), [("=1", "expected NAME=VALUE"), ("NOT_SET_ANYWHERE", "write NOT_SET_ANYWHERE=VALUE")]
)
def test_a_bad_assignment_is_named(text: str, says: str) -> None:
    with pytest.raises(LaunchError, match=says):
        parse_assignments([text], "--env")


def test_a_script_that_is_not_there_is_named_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"script 'no-such\.py' was not found in"):
        check_script(("no-such.py", "--lr", "1"))
    (tmp_path / "train.py").touch()
    check_script((str(tmp_path / "train.py"),))
    check_script(("python", "no-such.py"))


def test_a_key_without_a_package_to_encrypt_with_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MXTRAIN_CLUSTER_KEY", raising=False)
    monkeypatch.setattr("mxtrain_deploy.supervised.find_spec", lambda name: None)
    assert cluster_key(["127.0.0.1"]) == ""
    with pytest.raises(LaunchError, match=r"mxtrain\[cluster\]"):
        cluster_key(["127.0.0.1", "node1"])
