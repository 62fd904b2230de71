"""`mxtrain status`: of a real job, of none, and of one whose key is another."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from job import Job, free_port
from processes import run_python, wait_for

from mxtrain_deploy.status.form import as_table, as_values, bytes_text
from mxtrain_protos import scheduler_pb2 as pb

STEPS = """
import os, time
kv = mx.kv.create("dist_sync")
kv.init("w", nd.zeros((100, 100)))
while not os.path.exists("{stop}"):
    time.sleep(0.1 if kv.rank == 1 else 0)
    kv.push("w", nd.ones((100, 100)))
    pulled(kv, "w", (100, 100))
    kv.count_samples(32)
    if kv.rank == 1:
        print("step", flush=True)
kv.close()
"""


def status(*words: str, **env: str) -> tuple[int, str, str]:
    done = run_python("-m", "mxtrain_deploy", "status", *words, env=env)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """Two workers, one of them slow, that step until the test is over."""
    stop = tmp_path / "stop"
    # the workers end each on its own: whoever is first leaves, and the other goes on without it
    with Job(tmp_path, STEPS.format(stop=stop), servers=1, PS_HEARTBEAT_INTERVAL="0.3") as running:
        running["worker 1"].says("step\n" * 30)
        yield running
        stop.touch()
        running.succeed()


@pytest.mark.e2e
def test_a_running_job(job: Job) -> None:
    def late() -> dict:
        code, out, err = status("--port", str(job.port), "--json")
        assert (code, err) == (0, "")
        values = json.loads(out)
        return values if any(node["report"]["straggler"] for node in values["nodes"]) else {}

    values = wait_for("the straggler", late)
    assert (values["phase"], values["epoch"], values["job"]) == ("running", 1, "default")
    nodes = {f"{node['role']} {node['rank']}": node for node in values["nodes"]}
    assert list(nodes) == ["server 0", "worker 0", "worker 1"]
    assert [node["pid"] for node in nodes.values()] == [job[name].process.pid for name in nodes]
    assert all(0 <= node["report"]["silence"] < 20 for node in nodes.values())
    assert all(node["report"]["counters"]["rounds"] > 0 for node in nodes.values())
    assert nodes["server 0"]["report"]["counters"]["keys"] == 1
    assert nodes["server 0"]["report"]["counters"]["parameter_bytes"] == 40000
    worker = nodes["worker 0"]["report"]
    assert worker["counters"]["bytes_out"] >= 40000 * 29
    assert worker["samples_per_second"] > worker["rounds_per_second"] > 0
    assert nodes["worker 1"]["report"]["straggler"]
    code, table, _ = status("--port", str(job.port))
    assert code == 0
    assert "worker 1  active (late)" in table
    assert "others wait for: worker 1" in table


def test_nobody_listens() -> None:
    start = time.monotonic()
    code, out, err = status("--port", str(free_port()), "--timeout", "2")
    assert (code, out) == (1, "")
    assert "No scheduler answered at 127.0.0.1:" in err
    assert time.monotonic() - start < 30


def test_somebody_listens_and_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        code, out, err = status("--port", str(silent.getsockname()[1]), "--timeout", "1")
    assert (code, out) == (1, "")
    assert "within 1 s" in err


@pytest.mark.e2e
def test_another_key(tmp_path: Path) -> None:
    key = {"MXTRAIN_CLUSTER_KEY": "right"}
    with Job(
        tmp_path, "import time; kv = mx.kv.create('dist_sync'); time.sleep(600)", workers=1, servers=1, **key
    ) as job:
        port = ("--port", str(job.port), "--timeout", "5")
        wait_for("the scheduler", lambda: status(*port, **key)[0] == 0)
        assert "job default: " in status(*port, **key)[1]
        for wrong in ({"MXTRAIN_CLUSTER_KEY": "wrong"}, {"MXTRAIN_CLUSTER_KEY": ""}):
            code, out, err = status(*port, **wrong)
            assert (code, out) == (1, "")
            assert "MXTRAIN_CLUSTER_KEY" in err


def test_an_empty_job_and_problems_in_words() -> None:
    assert "no node has come yet" in as_table(pb.StatusReply(job="j", phase="forming"))
    reply = pb.StatusReply(reason="worker 1 is gone", barrier_waiting=["worker 0"])
    reply.problems.add(age=3.2, text="refused a node")
    assert as_table(reply).splitlines()[2:] == [
        "in the barrier: worker 0",
        "stopped: worker 1 is gone",
        "last problems:",
        "  3 s ago: refused a node",
    ]


def test_shards_and_their_moves_in_words() -> None:
    reply = pb.StatusReply()
    for rank in range(3):
        reply.nodes.add(role=pb.ROLE_SERVER, node=f"s{rank}", rank=rank, state=pb.NODE_STATE_ACTIVE)
    reply.shards.add(number=0, primary="s0", backup="s1", learner="s2")
    reply.shards.add(number=1, primary="s1", backup="s0", successor="s2")
    reply.shards.add(number=2, primary="s0", backup="s1")
    table = as_table(reply).splitlines()
    assert [line.split()[2:6] for line in table[2:5]] == [
        ["active", "2", "+", "1"],
        ["active", "1", "+", "2"],
        ["active", "0", "+", "0"],
    ]
    assert table[5:] == ["shard 0: server 2 learns it", "shard 1: server 1 hands over to server 2"]


def test_plain_values_hold_numbers() -> None:
    reply = pb.StatusReply(epoch=1 << 40)
    reply.nodes.add(role=pb.ROLE_SERVER, node="s", pid=7, state=pb.NODE_STATE_DEAD)
    values = as_values(reply)
    assert values["epoch"] == 1 << 40
    assert values["nodes"] == [
        {"role": "server", "rank": 0, "node": "s", "host": "", "pid": 7, "endpoint": "", "state": "dead", "report": {}}
    ]


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (2.5e15, "2500.0 TB")])
def test_bytes_in_words(count: float, text: str) -> None:
    assert bytes_text(count) == text
