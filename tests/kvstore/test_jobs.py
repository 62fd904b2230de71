"""Distributed stores in real jobs: values as MXNet 1.9.1 gives them, and an orderly end of every process."""

import signal
import time

import pytest
from job import Job

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TRANSPORTS = pytest.mark.parametrize("transport", ["shm", "tcp", "grpc"])

# what MXNet 1.9.1 gives: without an optimizer the sum replaces the value; with Test weight += rescale_grad * sum
SYNC = """
kv = mx.kv.create("dist_sync")
n, rank = kv.num_workers, kv.rank
assert (n, kv.type) == (3, "dist_sync")
big = (1200, 1200)
kv.init([3, 5], [nd.ones((2, 3))] * 2)
kv.init(99, nd.ones(big) * (rank + 1))
assert (pulled(kv, 3, (2, 3)) == 1).all()
assert (pulled(kv, 99, big) == 1).all()        # the value of worker 0
for i in range(3):
    kv.push(3, nd.ones((2, 3)) * (rank + 1))
    kv.push(99, [nd.ones(big, ctx=mx.cpu(d)) * (rank + 1 + i) for d in range(2)])
    assert (pulled(kv, 3, (2, 3)) == 6).all()
    assert (pulled(kv, 99, big) == 2 * (6 + 3 * i)).all()
kv.barrier()
kv.set_optimizer(mx.optimizer.create("test", rescale_grad=2))
for dtype in ("float16", "float32"):
    first = 1000 if dtype == "float16" else 2000
    kv.init([first, first + 1], [nd.ones((2, 3), dtype=dtype), nd.ones(big, dtype=dtype)])
    for i in range(4):
        for key, shape in ((first, (2, 3)), (first + 1, big)):
            outs = [nd.zeros(shape, dtype=dtype), nd.zeros(shape, dtype=dtype)]
            kv.pushpull(key, nd.ones(shape, dtype=dtype) * (rank + 1), out=outs)
            for out in outs:
                assert (out.asnumpy() == 1 + 12 * (i + 1)).all(), (dtype, key, i, out)
print("good")
"""


@TRANSPORTS
def test_dist_sync(tmp_path, transport):
    with Job(tmp_path, SYNC, workers=3, servers=2, MXTRAIN_KVSTORE_TRANSPORT=transport) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()


ASYNC = """
kv = mx.kv.create("dist_async")
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
kv.init(["a", "b"], [nd.zeros((3,)), nd.zeros((70000,))])
for i in range(5):
    for key, shape in (("a", (3,)), ("b", (70000,))):
        kv.push(key, nd.ones(shape))
        seen = pulled(kv, key, shape)
        assert seen.max() <= -(i + 1), seen       # at least one's own pushes
kv.barrier()
assert (pulled(kv, "a", (3,)) == -10).all()
assert (pulled(kv, "b", (70000,)) == -10).all()
print("good")
"""


@TRANSPORTS
def test_dist_async(tmp_path, transport):
    with Job(tmp_path, ASYNC, MXTRAIN_KVSTORE_TRANSPORT=transport) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()


UNEVEN = """
kv = mx.kv.create("dist_sync")
kv.init("w", nd.zeros((1000,)))
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
for i in range(3 if kv.rank == 0 else 8):
    kv.push("w", nd.ones((1000,)))
    seen = pulled(kv, "w", (1000,))
assert kv.rank == 0 or (seen == -(2 * 3 + 5)).all(), seen
print("good")
"""


def test_uneven_numbers_of_batches(tmp_path):
    with Job(tmp_path, UNEVEN) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()


BITS = """
import hashlib, os, random, time
delays = random.Random(os.urandom(8))
kv = mx.kv.create("dist_sync")
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9, wd=1e-4))
rng = np.random.default_rng(kv.rank)
shapes = {"a": (17, 5), "b": (400000,), "c": (3,), "d": (1300, 1000)}
kv.init(list(shapes), [nd.array(np.random.default_rng(7).standard_normal(s)) for s in shapes.values()])
for step in range(6):
    for key, shape in shapes.items():
        time.sleep(delays.random() * 0.02)
        kv.push(key, nd.array(rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3)))
    digest = hashlib.sha256(b"".join(pulled(kv, key, shape).tobytes() for key, shape in shapes.items()))
print(digest.hexdigest())
"""


def test_results_are_equal_bit_for_bit_over_runs_with_random_delays(tmp_path):
    seen = set()
    for run in range(5):
        with Job(tmp_path, BITS, MXTRAIN_KVSTORE_TRANSPORT=("shm", "tcp")[run % 2]) as job:
            job.succeed()
            seen.update(node.text for node in job.of("worker"))
    assert len(seen) == 1, seen


MISTAKES = """
kv = mx.kv.create("dist_sync")
kv.init("w", nd.ones((2, 2)))

def refused(call, words):
    try:
        call()
    except mx.MXNetError as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)

refused(lambda: kv.push("x", nd.ones((2, 2))), "Key 'x' does not exist")
refused(lambda: kv.pull("x", out=nd.ones((2, 2))), "Key 'x' does not exist")
refused(lambda: kv.push("w", nd.ones((3,))), "expected a push of shape (2, 2). Received: shape (3,)")
refused(lambda: kv.pull("w", out=nd.ones((3,))), "expected an out of shape (2, 2). Received: shape (3,)")
refused(lambda: kv.push("w", nd.ones((2, 2), dtype="float16")), "expected a push of float32")
refused(lambda: kv.push(3, nd.ones((2, 2))), "Mixed key types")
refused(lambda: kv.init("w", nd.ones((2, 2))), "duplicate init of key 'w'")
refused(lambda: kv.set_updater(lambda *_: None), "a function cannot be sent to servers")
refused(lambda: kv.save_optimizer_states("x"), "Call set_optimizer first")
refused(lambda: kv._send_command_to_servers(1, "x"), "this server has no controller")
refused(lambda: kv._send_command_to_servers(0, "x"), "nothing is unpickled here")
refused(lambda: kv.set_gradient_compression({"type": "zip"}), "Unknown type for gradient compression")
refused(lambda: kv.row_sparse_pull("w", out=nd.ones((2, 2)), row_ids=nd.array([0])), "row_sparse")
if kv.rank == 1:
    refused(lambda: kv.init("form", nd.ones((3,))), "as worker 0 has initialized it")
else:
    kv.init("form", nd.ones((2,)))
kv.barrier()
kv.push("w", nd.ones((2, 2)))
assert (pulled(kv, "w", (2, 2)) == 2).all()
print("good")
"""


def test_mistakes_are_named_where_they_are_made_and_the_job_goes_on(tmp_path):
    with Job(tmp_path, MISTAKES) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()


STATES = """
import sys
names = sys.argv[1:]
shapes = {"a": (5,), "big": (1100, 1000)}
kinds = {"sgd": dict(momentum=0.9), "adam": {}, "lamb": {}}

def store(kind, options):
    kv = mx.kv.create("dist_sync")
    kv.set_optimizer(mx.optimizer.create(kind, learning_rate=0.1, **options))
    return kv

def train(kv, steps):
    for step in steps:
        for key, shape in shapes.items():
            kv.push(key, nd.array(np.random.default_rng(step).standard_normal(shape)))
    return [pulled(kv, key, shape) for key, shape in shapes.items()]

for kind, options in kinds.items():
    whole = store(kind, options)
    whole.init(list(shapes), [nd.ones(shape) for shape in shapes.values()])
    half = train(whole, range(3))
    whole.barrier()
    name = f"{kind}{whole.rank}.states"
    whole.save_optimizer_states(name)
    expected = train(whole, range(3, 6))
    again = store(kind, options)
    again.init(list(shapes), [nd.array(value) for value in half])
    again.load_optimizer_states(name)
    for left, right in zip(train(again, range(3, 6)), expected):
        assert (left == right).all(), kind
print("good")
"""


def test_optimizer_states_are_saved_and_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Job(tmp_path, STATES) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()


def test_the_script_serves_the_role_that_it_is_started_in(tmp_path):
    script = 'kv = mx.kv.create("dist_sync")\nprint("worker only", kv.rank)\n'
    job = Job(tmp_path, script, workers=1, servers=1)
    try:
        for role in ("scheduler", "server", "worker"):
            job.start("worker", 0, DMLC_ROLE=role).role = role
        job.succeed()
        assert [node.text for node in job.nodes] == ["", "", "worker only 0\n"]
    finally:
        job.__exit__()


@TRANSPORTS
def test_a_cluster_key_secures_both_planes(tmp_path, transport):
    with Job(tmp_path, ASYNC, MXTRAIN_CLUSTER_KEY="a secret", MXTRAIN_KVSTORE_TRANSPORT=transport) as job:
        for key in ("another", ""):
            stranger = job.start("worker", 0, MXTRAIN_CONNECT_TIMEOUT="3", MXTRAIN_CLUSTER_KEY=key)
            assert "No scheduler answered" in job.end(stranger)
        job.succeed()


WORKING = """
import time
kv = mx.kv.create("dist_sync")
kv.init("w", nd.zeros((10,)))
kv.barrier()
print("working")
while True:
    kv.push("w", nd.ones((10,)))
    pulled(kv, "w", (10,))
    time.sleep(0.01)
"""


def test_control_c_ends_everything_within_five_seconds(tmp_path):
    with Job(tmp_path, WORKING) as job:
        for node in job.of("worker"):
            node.says("working")
        start = time.monotonic()
        for node in job.nodes:  # a terminal sends it to all of them
            job.send(node.name, signal.SIGINT)
        codes = job.wait(5)
        assert time.monotonic() - start < 5
        assert all(codes.values())
        assert all("KeyboardInterrupt" in node.text for node in job.of("worker")), job.report()


def test_an_exception_in_one_worker_ends_the_job_and_is_named(tmp_path):
    script = WORKING.replace("while True:", "while True:\n    if kv.rank == 1: raise ValueError('no such luck')")
    with Job(tmp_path, script) as job:
        codes = job.wait(30)
        assert all(codes.values())
        for name in ("worker 0", "server 0", "server 1", "scheduler 0"):
            assert "worker 1 (host" in job[name].text, job.report()
            assert "ValueError: no such luck" in job[name].text


MANY_SHARDS = """
kv = mx.kv.create("dist_sync")
shapes = [(n + 1,) for n in range(40)]
kv.init(list(range(40)), [nd.zeros(shape) for shape in shapes])
for number, shape in enumerate(shapes):
    kv.push(number, nd.ones(shape) * number)
    assert (pulled(kv, number, shape) == 2 * number).all()
"""


@pytest.mark.parametrize("transport", ["tcp", "grpc"])
def test_one_server_holds_many_shards(tmp_path, transport):
    env = {"MXTRAIN_MAX_SERVERS": "20", "MXTRAIN_KVSTORE_TRANSPORT": transport}
    with Job(tmp_path, MANY_SHARDS, servers=1, **env) as job:
        job.succeed(120)
