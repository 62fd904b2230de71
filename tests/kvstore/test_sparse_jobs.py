"""row_sparse values in jobs of real processes: bit for bit as in one process, whatever the delays and deaths."""

import time
from pathlib import Path

import pytest
import sparse_gradients
from job import Job

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SUPPORT = str(Path(sparse_gradients.__file__).parent)
SCRIPT = """
import sys
sys.path.insert(0, {support!r})
from sparse_gradients import train
print(train({kind!r}, {optimizer!r}, {delay}))
"""


def training(kind: str = "dist_sync", optimizer: str = "adam", delay: float = 0.05) -> str:
    return SCRIPT.format(support=SUPPORT, kind=kind, optimizer=optimizer, delay=delay)


def digests(job: Job, what: str) -> set[str]:
    return {line for node in job.of("worker") for line in node.text.splitlines() if line.startswith(what)}


def require_digests(job: Job, optimizer: str, workers: int) -> None:
    rows, table = sparse_gradients.reference(optimizer, workers).splitlines()
    assert digests(job, "rows") == {rows}, job.report()
    assert digests(job, "table") == {table}, job.report()


@pytest.mark.parametrize(
    ("transport", "optimizer", "workers"),
    [("shm", "adam", 2), ("tcp", "adam", 3), ("tcp", "ftrl", 2), ("shm", "adagrad", 2), ("grpc", "adam", 2)],
)
def test_equal_bits_whatever_the_delays(tmp_path, transport, optimizer, workers):
    with Job(tmp_path, training(optimizer=optimizer), workers=workers, MXTRAIN_KVSTORE_TRANSPORT=transport) as job:
        job.succeed()
        require_digests(job, optimizer, workers)


@pytest.mark.parametrize("transport", ["shm", "tcp", "grpc"])
def test_a_server_is_killed(tmp_path, transport):
    env = {"MXTRAIN_REPLICAS": "1", "MXTRAIN_KVSTORE_TRANSPORT": transport}
    with Job(tmp_path, training(delay=0.2), **env) as job:
        for node in job.of("worker"):
            node.says("step 3")
        time.sleep(0.07)
        job.kill("server 1")
        codes = job.wait(60)
        assert codes.pop("server 1") == -9
        assert set(codes.values()) == {0}, job.report()
        require_digests(job, "adam", 2)


def test_a_worker_is_killed_and_replaced(tmp_path):
    env = {"MXTRAIN_REPLACE_TIMEOUT": "60"}
    with Job(tmp_path, training(delay=0.2), **env) as job:
        job["worker 1"].says("step 3")
        dead = job["worker 1"]
        job.kill("worker 1")
        job.replace("worker 1")
        job.wait(90)
        assert {node.process.returncode for node in job.nodes if node is not dead} == {0}, job.report()
        # the new process was passed over what had been done: it did not see the rows of then
        table = sparse_gradients.reference("adam", 2).splitlines()[1]
        assert digests(job, "table") == {table}, job.report()


ASYNC = """
kv = mx.kv.create("dist_async")
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
shape = (60000, 20)
kv.init("t", nd.zeros(shape, stype="row_sparse"))
kv.init("dense", nd.zeros(shape))
rows = [0, 29999, 30000, 59999, 7 + kv.rank]
for i in range(5):
    for key in ("t", "dense"):
        kv.push(key, mx.nd.sparse.row_sparse_array((np.ones((5, 20), np.float32), sorted(rows)), shape=shape))
    out = nd.zeros(shape, stype="row_sparse")
    kv.row_sparse_pull("t", out=out, row_ids=nd.array(rows, dtype="int64"))
    assert out.data.asnumpy().max() <= -(i + 1)       # at least one's own pushes
kv.barrier()
for key in ("t", "dense"):
    whole = pulled(kv, key, shape)
    assert (whole[[0, 29999, 30000, 59999]] == -10).all() and (whole[[7, 8]] == -5).all() and whole.sum() == -1000
print("good")
"""


def test_dist_async(tmp_path):
    with Job(tmp_path, ASYNC) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()


MISTAKES = """
from mxtrain.base import ArgumentError, ArgumentTypeError, IndexRangeError
kv = mx.kv.create("dist_sync")

def fails(error, words, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except error as found:
        assert words in str(found), found
    else:
        raise AssertionError(words)

value = nd.ones((4, 2)).tostype("row_sparse")
kv.init(["t", "dense"], [value, nd.ones((4, 2))])
fails(ArgumentError, "a csr one", kv.init, "c", nd.ones((4, 2)).tostype("csr"))
fails(ArgumentTypeError, "a csr one", kv.push, "t", nd.ones((4, 2)).tostype("csr"))
fails(ArgumentError, "of shape (4, 2)", kv.push, "t", nd.ones((4, 3)).tostype("row_sparse"))
out = nd.zeros((4, 2), stype="row_sparse")
fails(IndexRangeError, "from 0 to 3", kv.row_sparse_pull, "t", out=out, row_ids=nd.array([4]))
fails(ArgumentError, "as out of row_sparse_pull", kv.row_sparse_pull, "t", out=nd.zeros((4, 2)), row_ids=nd.array([0]))
fails(ArgumentError, "initialized as 'default'", kv.row_sparse_pull, "dense", out=out, row_ids=nd.array([0]))
kv.push("t", value)
kv.pull("t", out=out)
assert out.indices.shape == (0,)
kv.pull("t", out=out, ignore_sparse=False)
assert (out.asnumpy() == 2).all()
kv.row_sparse_pull("t", out=out, row_ids=nd.array([]))
assert out.indices.shape == (0,)
kv.push("t", nd.zeros((4, 2), stype="row_sparse"))
assert (pulled(kv, "t", (4, 2)) == 0).all()
print("good")
"""


def test_mistakes_are_told_and_the_job_goes_on(tmp_path):
    with Job(tmp_path, MISTAKES) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()


TABLES = """
kv = mx.kv.create("dist_sync")
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0, momentum=0.5))
shape = (2000000, 24)  # 96 MB on each of two servers
kv.init(["t", "small"], [nd.zeros(shape, stype="row_sparse"), nd.zeros((3,))])
rows = np.array([0, 7, 999999, 1000000, 1999999])
gradient = mx.nd.sparse.row_sparse_array((np.ones((5, 24), np.float32), rows), shape=shape)
out = nd.zeros(shape, stype="row_sparse")
for expected in (-2, -5):
    kv.push("t", gradient)
    kv.push("small", nd.ones((3,)))
    kv.row_sparse_pull("t", out=out, row_ids=nd.array([*rows, 8], dtype="int64"))
    assert out.asnumpy()[rows].tolist() == [[expected] * 24] * 5 and not out.asnumpy()[8].any()
    assert (pulled(kv, "small", (3,)) == expected).all()
print("good")
"""


def test_tables_in_files(tmp_path):
    with Job(tmp_path, TABLES, MXTRAIN_TABLE_DIRECTORY=str(tmp_path)) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()
