"""A full disk: the error is named, the file before stays whole, and training or service goes on as it was."""

import resource
from pathlib import Path

import numpy as np
import pytest
from processes import run_python
from small_disk import small_disk

import mxtrain as mx
from mxtrain.base import MXNetError
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
from mxtrain_server.transport.segment_memory import FileMemory

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]
MIB = 1 << 20
#: A table of 128 MiB: more than there is room for, should all of it be written.
ROWS, LENGTH = 1 << 15, 1 << 10


def table_on(folder: Path, optimizer: dict | None) -> ServerState:
    state = ServerState(0, "job", FileMemory(str(folder), PrivateMemory()))
    state.set_workers({0: "a"})
    state.receive(0, m.OpenStore(1, 0, "sync"), None)
    state.receive(0, m.Create(2, 0, [["t", "float32", [ROWS, LENGTH], [ROWS * LENGTH // 8] * 8]]), None)
    if optimizer is not None:
        state.receive(0, m.SetOptimizer(3, 0, optimizer), None)
    return state


def push(state: ServerState, number: int, first: int, count: int) -> list:
    rows = np.arange(first, first + count, dtype=np.int64)
    payload = np.concatenate([rows.view(np.uint8), np.ones(count * LENGTH, np.float32).view(np.uint8)])
    return state.receive(0, m.PushRows(0, 0, number, 0, count, True), payload)


@pytest.mark.parametrize("optimizer", [{"name": "sgd", "config": {"learning_rate": 1.0, "momentum": 0.5}}])
def test_a_table_that_grows_until_the_disk_is_full(tmp_path, optimizer):
    """Without room a write to a mapped file would end the process by SIGBUS."""
    with small_disk(tmp_path / "disk", 8 * MIB) as disk:
        state = table_on(disk, optimizer)
        number, answers = 0, []
        while not answers:
            number += 1
            assert number < 20
            answers = push(state, number, 256 * number, 256)  # 1 MiB of values, and as much of momentum
        assert isinstance(answers[0].message, m.Refused)
        reason = answers[0].message.reason
        assert "Keys ['t']: the update failed" in reason
        assert "with room for 2097152 more bytes" in reason
        assert "No space left on device" in reason
        assert "Set MXTRAIN_TABLE_DIRECTORY to another" in reason
        assert number == 5
        values = state.segments[0].values.reshape(ROWS, LENGTH)
        assert values[256 : 256 * number : 256, 0].tolist() == [-1.0] * (number - 1)
        del values, state


def test_a_job_whose_table_fills_the_disk_stops_and_says_why(tmp_path):
    from job import Job

    script = f"""
kv = mx.kv.create("dist_sync")
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
kv.init("t", nd.zeros(({ROWS}, {LENGTH}), stype="row_sparse"))
for step in range(40):
    rows = np.arange(512) + 512 * step
    kv.push("t", nd.sparse.row_sparse_array((np.ones((512, {LENGTH}), np.float32), rows), shape=({ROWS}, {LENGTH})))
    out = nd.zeros(({ROWS}, {LENGTH}), stype="row_sparse")
    kv.row_sparse_pull("t", out=out, row_ids=nd.array(rows[:2], dtype="int64"))
"""
    with (
        small_disk(tmp_path / "disk", 8 * MIB) as disk,
        Job(tmp_path, script, workers=1, servers=1, MXTRAIN_TABLE_DIRECTORY=str(disk)) as job,
    ):
        codes = job.wait(90)
        assert codes["worker 0"] == 1, job.report()
        assert "No space left on device" in job["worker 0"].text, job.report()
        assert -7 not in codes.values(), job.report()  # SIGBUS


WRITERS = {
    "nd.save": lambda path, size: mx.nd.save(path, {"w": mx.nd.ones(size)}),
    "save_checkpoint": lambda path, size: mx.model.save_checkpoint(
        path, 1, mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=4, name="fc"), {"w": mx.nd.ones(size)}, {}
    ),
    "optimizer states": lambda path, size: _kvstore_with_states(size).save_optimizer_states(path),
}


def _kvstore_with_states(size: int) -> mx.kv.KVStore:
    kv = mx.kv.create("local")
    kv.set_optimizer(mx.optimizer.create("sgd", momentum=0.9))
    kv.init("w", mx.nd.ones(size))
    kv.push("w", mx.nd.ones(size))
    return kv


@pytest.mark.parametrize("writer", WRITERS)
def test_files_that_find_no_room(tmp_path, writer):
    with small_disk(tmp_path / "disk", MIB) as disk:
        path = str(disk / "file")
        WRITERS[writer](path, 100)
        before = {name.name: name.read_bytes() for name in disk.iterdir()}
        with pytest.raises(MXNetError, match=r"Cannot write '.*disk/file.*': No space left on device"):
            WRITERS[writer](path, MIB)
        assert {name.name: name.read_bytes() for name in disk.iterdir()} == before
        WRITERS[writer](path, 100)


def test_a_training_whose_checkpoint_finds_no_room_can_be_resumed_from_the_one_before(tmp_path):
    script = """
import sys, numpy as np, mxtrain as mx
width, epochs, resume = int(sys.argv[2]), int(sys.argv[3]), len(sys.argv) > 4
data = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=width, name="one")
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(data, num_hidden=2, name="two"), name="softmax")
rng = np.random.RandomState(0)
it = mx.io.NDArrayIter(rng.rand(32, 8).astype("f"), (rng.rand(32) > 0.5).astype("f"), 8)
mx.random.seed(1)
module = mx.mod.Module(net)
module.fit(it, num_epoch=epochs, optimizer="sgd", epoch_end_callback=mx.callback.do_checkpoint(sys.argv[1]))
"""
    file = tmp_path / "train.py"
    file.write_text(script)
    with small_disk(tmp_path / "disk", 256 << 10) as disk:
        done = run_python(str(file), str(disk / "model"), "2000", "9")  # 88 kB an epoch
        assert done.returncode == 1
        assert "Cannot write" in done.stderr, done.stderr
        assert "model-0003.params': No space left on device" in done.stderr, done.stderr
        names = sorted(path.name for path in disk.iterdir())
        assert names == ["model-0001.params", "model-0002.params", "model-symbol.json"]
        _, weights, _ = mx.model.load_checkpoint(str(disk / "model"), 2)
        assert weights["one_weight"].shape == (2000, 8)


def test_a_trace_that_finds_no_room_does_not_end_a_training(tmp_path):
    from job import Job

    script = """
import time
kv = mx.kv.create("dist_sync")
kv.init("w", nd.ones(10))
for step in range(3000):
    kv.push("w", nd.ones(10))
    kv.pull("w", out := nd.zeros(10))
    out.wait_to_read()
print("sum", out.asnumpy().sum(), flush=True)
"""
    with small_disk(tmp_path / "disk", 64 << 10) as disk, Job(tmp_path, script, 1, 1, MXTRAIN_TRACE=str(disk)) as job:
        codes = job.wait(90)
        assert set(codes.values()) == {0}, job.report()
        assert "sum 10.0" in job["worker 0"].text
        assert "No space left on device" in job.report(), job.report()


def test_a_server_without_memory_for_a_key_refuses_it(tmp_path):
    limit = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({1 << 31}, {resource.RLIM_INFINITY}))
from mxtrain_kvstore.wire import messages as m
from mxtrain_server.parameters.memory import PrivateMemory
from mxtrain_server.parameters.server_state import ServerState
state = ServerState(0, "job", PrivateMemory())
state.set_workers({{0: "a"}})
state.receive(0, m.OpenStore(1, 0, "sync"), None)
answers = state.receive(0, m.Create(2, 0, [["t", "float32", [1 << 30], [1 << 20] * (1 << 10)]]), None)
print(answers[0].message)
answers = state.receive(0, m.Create(3, 0, [["u", "float32", [4], [4]]]), None)
print(answers[0].message)
"""
    done = run_python("-c", limit, env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    assert "Refused" in done.stdout.splitlines()[0], done.stdout + done.stderr
    assert "Created" in done.stdout.splitlines()[1], done.stdout + done.stderr
