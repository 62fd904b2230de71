"""SIGKILL of any one process where the job may not go on without it: everybody has ended soon, and says who died."""

import time

import pytest
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

TRAINING = """
kv = mx.kv.create("{kind}")
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.01, momentum=0.9))
shapes = [(100,)] * 50 + [(1200, 1000)]
kv.init(list(range(51)), [nd.zeros(shape) for shape in shapes])
outs = [nd.zeros(shape) for shape in shapes]
grads = [nd.ones(shape) for shape in shapes]
step = 0
while True:
    for key in range(51):
        kv.push(key, grads[key], priority=-key)
        kv.pull(key, outs[key], priority=-key)
    nd.waitall()
    step += 1
    if step == 5:
        print("training", flush=True)
"""
#: Seconds within which everybody must have ended.
BOUND = 30
#: Nobody may be missing.
NEEDED = {"MXTRAIN_MIN_WORKERS": "2", "MXTRAIN_SCHEDULER_TIMEOUT": "0"}


@pytest.mark.parametrize("kind", ["dist_sync", "dist_async"])
@pytest.mark.parametrize("victim", ["worker 0", "worker 1", "server 0", "server 1", "scheduler 0"])
def test_everybody_ends_and_names_the_dead_node(tmp_path, kind, victim):
    with Job(tmp_path, TRAINING.format(kind=kind), **NEEDED) as job:
        for node in job.of("worker"):
            node.says("training")
        start = time.monotonic()
        pid = job.kill(victim)
        codes = job.wait(BOUND)
        assert time.monotonic() - start < BOUND
        assert codes.pop(victim) == -9
        assert set(codes.values()) == {1}, job.report()
        name = f"{victim} (host " if not victim.startswith("scheduler") else f"at 127.0.0.1:{job.port}) is gone"
        for node in job.nodes:
            if node.name != victim:
                assert name in node.text, job.report()
                assert f"pid {pid}" in node.text


WAITING = """
import os, time
kv = mx.kv.create("dist_sync")
kv.init("w", nd.zeros((10,)))
kv.barrier()
print("training", flush=True)
if kv.rank == 1:
    time.sleep(1000)
{wait}
"""


@pytest.mark.parametrize(
    "wait",
    [
        "kv.push('w', nd.ones((10,)))\npulled(kv, 'w', (10,))",
        "kv.barrier()",
        "kv.init('x', nd.ones((2,)))\nkv.barrier()",
    ],
)
def test_waiting_ends_when_the_awaited_worker_dies(tmp_path, wait):
    with Job(tmp_path, WAITING.format(wait=wait), **NEEDED) as job:
        job["worker 1"].says("training")
        time.sleep(0.5)
        job.kill("worker 1")
        assert job.wait(BOUND)["worker 0"] == 1
        assert "worker 1 (host" in job["worker 0"].text


def test_a_node_killed_while_the_job_forms(tmp_path):
    job = Job(tmp_path, WAITING, workers=2, servers=1)
    try:
        job.start("scheduler", 0, PS_VERBOSE="1")
        server = job.start("server", 0)
        job["scheduler 0"].says("server 0 (host")
        server.process.kill()
        codes = job.wait(BOUND)
        assert codes["scheduler 0"] == 1
        assert "server 0 (host" in job["scheduler 0"].text
    finally:
        job.__exit__()


def test_a_silent_node_is_dead(tmp_path):
    """A process that is stopped keeps its connections; its heartbeats stop."""
    import signal

    env = {"PS_HEARTBEAT_INTERVAL": "0.5", "PS_HEARTBEAT_TIMEOUT": "3"}
    with Job(tmp_path, TRAINING.format(kind="dist_sync"), **env) as job:
        for node in job.of("worker"):
            node.says("training")
        job.send("server 1", signal.SIGSTOP)
        others = [node for node in job.nodes if node.name != "server 1"]
        end = time.monotonic() + BOUND
        for node in others:
            assert node.process.wait(max(1, end - time.monotonic())) == 1
            node.reader.join(5)
            assert "server 1 (host" in node.text, job.report()
        job.send("server 1", signal.SIGKILL)
