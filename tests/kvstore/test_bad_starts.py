"""Jobs that cannot start say why, within a stated time."""

import socket
import time

import grpc
import pytest
import zmq
from job import Job, free_port
from processes import run_python, wait_for

from mxtrain_protos import scheduler_pb2 as pb
from mxtrain_protos import scheduler_pb2_grpc as rpc

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SCRIPT = 'kv = mx.kv.create("dist_sync")\n'


def test_without_a_job(monkeypatch):
    code = 'import mxtrain as mx; mx.kv.create("dist_sync")'
    done = run_python("-c", code, env={"DMLC_ROLE": "worker", "DMLC_NUM_WORKER": "1"})
    assert done.returncode == 1
    assert "DMLC_PS_ROOT_URI, DMLC_PS_ROOT_PORT, DMLC_NUM_SERVER" in done.stderr
    assert "mxtrain launch" in done.stderr


def test_a_bad_setting_is_named():
    done = run_python("-c", 'import mxtrain as mx; mx.kv.create("dist_sync")', env={"DMLC_PS_ROOT_PORT": "http"})
    assert "Environment variable DMLC_PS_ROOT_PORT (port of the scheduler)" in done.stderr
    assert "'http'" in done.stderr


def test_a_scheduler_that_never_comes(tmp_path):
    job = Job(tmp_path, SCRIPT, MXTRAIN_CONNECT_TIMEOUT="3")
    try:
        for role in ("server", "worker"):
            job.start(role, 0)
        assert set(job.wait(60).values()) == {1}
        for node in job.nodes:
            assert f"No scheduler answered at 127.0.0.1:{job.port} within 3 s (MXTRAIN_CONNECT_TIMEOUT)" in node.text
    finally:
        job.__exit__()


def test_nodes_that_never_come_are_named(tmp_path):
    job = Job(tmp_path, SCRIPT, workers=2, servers=2, MXTRAIN_JOIN_TIMEOUT="12")
    try:
        job.start("scheduler", 0)
        job.start("server", 0)
        job.start("worker", 1)
        assert set(job.wait(60).values()) == {1}
        for node in job.nodes:
            assert "1 of 2 server(s) and 1 of 2 worker(s) had not come after 12 s" in node.text, job.report()
    finally:
        job.__exit__()


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        job = Job(tmp_path, SCRIPT)
        job.env["DMLC_PS_ROOT_PORT"] = str(taken.getsockname()[1])
        try:
            job.start("scheduler", 0)
            assert job.wait(60) == {"scheduler 0": 1}
            assert f"port {taken.getsockname()[1]} may be in use" in job.nodes[0].text
        finally:
            job.__exit__()


def test_a_second_scheduler_is_refused_the_port(tmp_path):
    job = Job(tmp_path, SCRIPT, workers=1, servers=1)
    try:
        job.start("scheduler", 0)
        wait_for("the scheduler", lambda: status(job.port))
        assert "may be in use" in job.end(job.start("scheduler", 1))
        job.start("server", 0)
        job.start("worker", 0)
        job.succeed()
    finally:
        job.__exit__()


def test_a_second_scheduler_elsewhere_finds_no_nodes_and_harms_nobody(tmp_path):
    script = SCRIPT + 'print("in")\nwhile not __import__("os").path.exists(__file__ + ".go"): pass\n'
    with Job(tmp_path, script, workers=1, servers=1) as job:
        job["worker 0"].says("in")
        second = job.start("scheduler", 1, DMLC_PS_ROOT_PORT=str(free_port()), MXTRAIN_JOIN_TIMEOUT="3")
        said = job.end(second)
        assert "1 of 1 server(s) and 1 of 1 worker(s) had not come after 3 s" in said
        assert "Does the job run already, or do they look for another scheduler?" in said
        (tmp_path / "worker.py.go").touch()
        job.succeed()


def test_beyond_loopback_a_key_is_needed(tmp_path):
    job = Job(tmp_path, SCRIPT, MXTRAIN_CONNECT_TIMEOUT="3")
    try:
        job.start("scheduler", 0, DMLC_PS_ROOT_URI="0.0.0.0")
        job.start("server", 0, DMLC_NODE_HOST="0.0.0.0")
        job.start("worker", 0, DMLC_PS_ROOT_URI="192.0.2.1")
        assert set(job.wait(60).values()) == {1}
        assert all("Set MXTRAIN_CLUSTER_KEY" in node.text for node in job.nodes), job.report()
    finally:
        job.__exit__()


def test_nodes_of_another_job_and_one_too_many_are_refused(tmp_path):
    script = (
        SCRIPT
        + 'print("in")\nwhile not __import__("os").path.exists(__file__ + ".go"): __import__("time").sleep(0.05)\n'
    )
    with Job(tmp_path, script, workers=1, servers=1) as job:
        job["worker 0"].says("in")
        strangers = [job.start("worker", 5, DMLC_JOB_ID="other"), job.start("worker", 6)]
        assert "one of job 'other'" in job.end(strangers[0])
        assert "Expected: 1 worker(s). Received: one more" in job.end(strangers[1])
        (tmp_path / "worker.py.go").touch()
        job.succeed()


def status(port: int) -> pb.StatusReply | None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            return rpc.SchedulerStub(channel).Status(pb.StatusRequest(), timeout=2)
        except grpc.RpcError:
            return None


GARBAGE = (
    b"\0" * 1000,
    b"GET / HTTP/1.1\r\n\r\n",
    bytes(range(256)) * 100,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff",
)


def test_garbage_on_every_port_is_dropped_and_counted(tmp_path):
    script = SCRIPT + (
        'kv.init("w", nd.zeros((3,)))\nprint("in")\n'
        'while not __import__("os").path.exists(__file__ + ".go"):\n'
        '    kv.push("w", nd.ones((3,))); assert (pulled(kv, "w", (3,)) == 1).all()\n'
    )
    with Job(tmp_path, script, workers=1, servers=1) as job:
        job["worker 0"].says("in")
        seen = status(job.port)
        assert (seen.phase, len(seen.nodes)) == ("running", 2)
        endpoint = next(node.endpoint for node in seen.nodes if node.endpoint)
        for port in (job.port, int(endpoint.rpartition(":")[2])):
            for garbage in GARBAGE:
                with socket.create_connection(("127.0.0.1", port)) as stranger:
                    stranger.sendall(garbage)
        with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
            stranger.linger = 0
            stranger.connect(endpoint)
            for frames in ([b"x"], [b"\xc1" * 100, b"y"], [b"", b"", b""], [b"z"] * 9, [bytes(8) + b"\x92\x0b\x01"]):
                stranger.send_multipart(frames)
            job["server 0"].says("a Sync of a node that has not said hello", 10)
        job["server 0"].says("a connection whose handshake failed", 10)
        with grpc.insecure_channel(f"127.0.0.1:{job.port}") as channel:
            attend = channel.stream_stream("/mxtrain.scheduler.v1.Scheduler/Attend")
            assert list(attend(iter([b"\xff\xff\xff"]), timeout=5)) == []
        assert status(job.port).dropped_messages == 1
        (tmp_path / "worker.py.go").touch()
        job.succeed()


def test_a_status_takes_little_time(tmp_path):
    job = Job(tmp_path, SCRIPT)
    try:
        job.start("scheduler", 0)
        start = time.monotonic()
        seen = wait_for("the scheduler", lambda: status(job.port))
        assert (seen.job, seen.phase, time.monotonic() - start < 60) == ("default", "forming", True)
    finally:
        job.__exit__()
