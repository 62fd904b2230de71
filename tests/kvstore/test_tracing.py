"""Traces: spans in one process, merged over a job of real processes, and the profiler's commands to servers."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job import Job
from processes import run_python

from mxtrain.base import MXNetError
from mxtrain_deploy.trace import merged, read_events
from mxtrain_kvstore import tracing
from mxtrain_kvstore.distributed.client import ParameterClient
from mxtrain_kvstore.tracing import PROFILER, Traced, Tracer
from mxtrain_server.traced import ServerProfiler


class Work:
    """Something to trace."""

    def do(self, number: int) -> int:
        if number < 0:
            raise ValueError(number)
        return number + 1


@pytest.fixture
def tracer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracer]:
    monkeypatch.setattr(Work, "do", Work.do)
    made = Tracer(tmp_path / "deep" / "worker-1.trace", "worker", 1)
    made.active = True
    yield made
    made.close()


def spans(path: Path) -> list[dict[str, Any]]:
    return [event for event in read_events(path) if event["ph"] == "X"]


def test_calls_become_spans(tracer: Tracer) -> None:
    tracing.instrument(tracer, [Traced(Work, "do", lambda work, number: f"do {number}")] * 2)
    before = time.time() * 1e6
    assert Work().do(1) == 2
    with pytest.raises(ValueError, match="-1"):
        Work().do(-1)
    tracer.active = False
    Work().do(5)
    tracer.close()
    found = spans(tracer.path)
    assert [span["name"] for span in found] == ["do 1", "do -1"]
    assert all(abs(span["ts"] - before) < 60e6 and 0 <= span["dur"] < 60e6 for span in found)
    assert {span["pid"] for span in found} == {os.getpid()}


def test_a_method_is_not_touched_before_it_is_traced() -> None:
    assert not hasattr(ParameterClient.push, "__wrapped__")
    assert tracing.current() is None


def test_what_a_file_takes_is_bounded(tracer: Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MAX_SPANS", 3)
    for number in range(5):
        tracer.add("a", number, number + 1)
    tracer.close()
    assert (len(spans(tracer.path)), tracer.dropped) == (3, 2)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MXNetError, match="a folder for traces"):
        Tracer(tmp_path / "file" / "x.trace", "server", 0)


def test_merging_goes_by_the_schedulers_clock() -> None:
    def process(ahead: float, start: float) -> list[dict[str, Any]]:
        return [
            {"ph": "M", "pid": 7, "name": "process_name", "args": {"name": "worker"}},
            {"ph": "M", "pid": 7, "name": "clock_offset", "args": {"seconds": ahead}},
            {"ph": "X", "pid": 7, "tid": 1, "name": "push", "ts": start, "dur": 5.0},
        ]

    events = merged([process(0.0, 2e6), process(-3.0, 4.5e6)])
    found = [(event["pid"], event["ts"]) for event in events if event["ph"] == "X"]
    assert found == [(2, 0.0), (1, 500000.0)]
    assert [event["pid"] for event in events if event["ph"] == "M"] == [1, 2]
    assert merged([]) == []


def test_a_trace_that_was_cut(tmp_path: Path) -> None:
    (tmp_path / "x.trace").write_text('[\n{"ph":"X","name":"a","ts":1,"dur":1},\n7,\n{"ph":"X","na')
    assert [event["name"] for event in read_events(tmp_path / "x.trace")] == ["a"]


STEPS = """
kv = mx.kv.create("dist_sync")
kv.init("w", nd.zeros((10, 10)))
kv.set_optimizer(mx.optimizer.create("sgd"))
for step in range(3):
    kv.push("w", nd.ones((10, 10)))
    pulled(kv, "w", (10, 10))
kv.barrier()
"""


@pytest.mark.e2e
def test_a_job_makes_one_trace(tmp_path: Path) -> None:
    folder = tmp_path / "traces"
    with Job(tmp_path, STEPS, servers=1, MXTRAIN_TRACE=str(folder)) as job:
        job.succeed()
    output = tmp_path / "merged.json"
    done = run_python("-m", "mxtrain_deploy", "trace", str(folder), "-o", str(output))
    assert (done.returncode, done.stderr) == (0, "")
    assert "of 4 processes" in done.stdout
    events = json.loads(output.read_text())["traceEvents"]
    names = {e["pid"]: e["args"]["name"].partition(" (")[0] for e in events if e["name"] == "process_name"}
    assert sorted(names.values()) == ["scheduler", "server 0", "worker 0", "worker 1"]
    found = [(names[event["pid"]], event["name"]) for event in events if event["ph"] == "X"]
    for span in (("worker 0", "push"), ("worker 1", "pull"), ("worker 1", "barrier"), ("server 0", "push of worker 0")):
        assert span in found
    assert found.count(("worker 0", "push")) == 3
    assert found.count(("server 0", "update")) == 3
    assert ("scheduler", "register") in found
    stamps = {pair: event["ts"] for pair, event in zip(found, (e for e in events if e["ph"] == "X"), strict=True)}
    assert 0 <= stamps["worker 0", "push"] < 120e6


TRAINING = """
import time
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2), name="softmax")
data = mx.io.NDArrayIter(np.ones((16, 4), "float32"), np.zeros(16), batch_size=4)
kv = mx.kv.create("dist_sync")
mod = mx.mod.Module(net)
mod.fit(data, num_epoch=1, kvstore=kv)
time.sleep(2.1)
kv.barrier()
print("trained", flush=True)
time.sleep(600)
"""


@pytest.mark.e2e
@pytest.mark.fault
def test_a_killed_worker_leaves_the_steps_of_its_training(tmp_path: Path) -> None:
    folder = tmp_path / "traces"
    with Job(tmp_path, TRAINING, workers=1, servers=1, MXTRAIN_TRACE=str(folder)) as job:
        job["worker 0"].says("trained")
        job.send("worker 0", signal.SIGKILL)
        job.wait()
    found = [span["name"] for span in spans(next(folder.glob("worker-0-*")))]
    for name in ("forward", "backward", "update", "push"):
        assert found.count(name) >= 4, found


PROFILED = """
kv = mx.kv.create("dist_sync")
kv.init("w", nd.zeros((10, 10)))

def step(times):
    for _ in range(times):
        kv.push("w", nd.ones((10, 10)))
        pulled(kv, "w", (10, 10))
    kv.barrier()

step(1)
kv.set_server_profiler("config", folder="{folder}")
kv.set_server_profiler("state", state="run")
step(2)
kv.set_server_profiler("pause")
step(4)
kv.set_server_profiler("resume")
step(8)
kv.set_server_profiler("state", state="stop")
step(16)
kv.set_server_profiler("dump")
try:
    kv.set_server_profiler("nonsense")
except mx.MXNetError as error:
    print(error)
"""


@pytest.mark.e2e
def test_a_worker_profiles_the_servers(tmp_path: Path) -> None:
    folder = tmp_path / "traces"
    with Job(tmp_path, PROFILED.format(folder=folder), workers=1, servers=2) as job:
        job.succeed()
        assert "expected a command of the profiler" in job["worker 0"].text
    files = sorted(folder.iterdir())
    assert [path.name.split("-")[:2] for path in files] == [["server", "0"], ["server", "1"]]
    pushes = [span for path in files for span in spans(path) if span["name"] == "push of worker 0"]
    assert len(pushes) == 2 + 8


@pytest.mark.parametrize("body", ["", "7", "[]", '{"command": "x"}', '{"command": "state", "state": "x"}'])
def test_commands_that_nobody_understands(body: str) -> None:
    with pytest.raises(MXNetError, match="command of the profiler"):
        ServerProfiler(None)(PROFILER, body)


def test_other_commands_go_to_the_controller() -> None:
    seen: list[tuple[int, str]] = []
    ServerProfiler(lambda head, body: seen.append((head, body)))(7, "x")
    assert seen == [(7, "x")]
    with pytest.raises(MXNetError, match="no controller"):
        ServerProfiler(None)(7, "x")


def test_no_trace_to_merge(tmp_path: Path) -> None:
    done = run_python("-m", "mxtrain_deploy", "trace", str(tmp_path))
    assert done.returncode == 2
    assert "MXTRAIN_TRACE" in done.stderr
