"""A worker that is slow, or that is stopped for three seconds, is named: in the status, in metrics and in the log."""

import signal
import socket
import time
import urllib.request
from pathlib import Path

import pytest
from job import Job, free_port
from processes import wait_for

from mxtrain_kvstore.transport.status_client import ask_status
from mxtrain_protos import scheduler_pb2 as pb

pytest.importorskip("prometheus_client", reason="needs the extra `metrics`")
pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

STEPS = """
import os, time
kv = mx.kv.create("dist_sync")
kv.set_optimizer(mx.optimizer.create("sgd"))
kv.init("w", nd.zeros((100, 100)))
kv.barrier()
print("begun", flush=True)
while not os.path.exists("{stop}"):
    kv.push("w", nd.ones((100, 100)))
    pulled(kv, "w", (100, 100))
    time.sleep({pause} if kv.rank == 1 else 0.02)
kv.close()
"""


def late(port: int) -> list[tuple[int, str]]:
    """(rank, host) of the workers that the status calls late."""
    reply = ask_status(f"127.0.0.1:{port}", None, 10)
    reports = {report.node: report for report in reply.reports}
    nodes = [node for node in reply.nodes if node.role == pb.ROLE_WORKER]
    return [(node.rank, node.host) for node in nodes if reports[node.node].straggler]


def metric(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return [line for line in text.splitlines() if line.startswith("mxtrain_worker_straggler{")]


@pytest.mark.parametrize("backups", ["0", "1"])
def test_a_slow_worker_is_named(tmp_path: Path, backups: str) -> None:
    stop, port, host = tmp_path / "stop", free_port(), socket.gethostname()
    env = {"PS_HEARTBEAT_INTERVAL": "0.5", "MXTRAIN_METRICS_PORT": str(port), "MXTRAIN_BACKUP_WORKERS": backups}
    with Job(tmp_path, STEPS.format(stop=stop, pause=0.2), workers=3, servers=1, **env) as job:
        job["worker 1"].says("begun", 120)
        wait_for("the late worker", lambda: (1, host) in late(job.port), 60)
        line = f'mxtrain_worker_straggler{{host="{host}",rank="1"}} 1.0'
        wait_for("its metric", lambda: line in [_sorted(found) for found in metric(port)], 60)
        reason = "the others wait for it" if backups == "0" else "rounds go on without it"
        job["scheduler 0"].says(f"worker 1 (host {host}, pid {job['worker 1'].process.pid}) is late: {reason}")
        stop.touch()
        job.succeed(120)


def test_a_stopped_worker_is_named_while_it_is_stopped(tmp_path: Path) -> None:
    stop, host = tmp_path / "stop", socket.gethostname()
    with Job(tmp_path, STEPS.format(stop=stop, pause=0.02), workers=3, servers=1, PS_HEARTBEAT_INTERVAL="0.5") as job:
        job["worker 1"].says("begun", 120)
        time.sleep(2)
        pid = job.send("worker 1", signal.SIGSTOP)
        try:
            wait_for("the silent worker", lambda: (1, host) in late(job.port), 60)
            job["scheduler 0"].says(f"worker 1 (host {host}, pid {pid}) is late: ")
        finally:
            job.send("worker 1", signal.SIGCONT)
        stop.touch()
        job.succeed(120)


def _sorted(line: str) -> str:
    """A sample with its labels in the order of their names."""
    name, rest = line.split("{")
    labels, value = rest.split("}")
    return f"{name}{{{','.join(sorted(labels.split(',')))}}}{value}"
