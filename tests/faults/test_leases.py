"""Data shared by leases in real jobs: weights count how often each sample was used, whoever comes, goes or dies."""

import pytest
from job import Job, Node

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

COUNT = """
import os, signal, time
kind, in_turn, epochs, leave_after = "{kind}", {in_turn}, {epochs}, {leave_after}
kv = mx.kv.create(kind)
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=-1.0))
N, WIDTH = 60, 20000
kv.init(["small", "cut"], [nd.zeros((N,)), nd.zeros((N, WIDTH))])
again = os.environ.get("MXTRAIN_TEST_LIFE", "1") != "1"
how = dict(shuffle=True, seed=1, lease_batches=2, in_turn=in_turn)
it = mx.io.LeasedIter(kv, np.arange(N, dtype="float32"), batch_size=4, **how)
weights = {{"small": nd.zeros((N,)), "cut": nd.zeros((N, WIDTH))}}
it.leases.on_return = lambda: kv.pull(list(weights), list(weights.values()))
print("epoch", it.epoch, flush=True)
batches = 0

def train():
    global batches
    for epoch in range(it.epoch, epochs):
        for batch in it:
            rows = batch.data[0].asnumpy().astype(int)
            one = np.zeros((N,), "float32")
            one[rows] = 1
            for key, value in (("small", one), ("cut", np.repeat(one[:, None], WIDTH, 1))):
                kv.push(key, nd.array(value))
            if not again and [kv.rank, batches] == {die_at}:
                time.sleep(0.2)   # the pushes arrive
                os.kill(os.getpid(), signal.SIGKILL)
            kv.pull(list(weights), list(weights.values()))
            batches += 1
            if batches == 3:
                print("batch 3", flush=True)
            if [kv.rank, batches] == leave_after:
                return
            time.sleep({pause})
        it.reset()
        print("epoch", it.epoch, "batches", batches, flush=True)

train()
nd.waitall()
counts = weights["small"].asnumpy()
print("counts", int(counts.min()), int(counts.max()), int(counts.sum()), flush=True)
assert (weights["cut"].asnumpy().T == counts).all() or {die_at} or leave_after
print("batches", batches, flush=True)
"""


def script(kind="dist_sync", in_turn=None, epochs=3, pause="0.002", die_at=None, leave_after=None) -> str:
    return COUNT.format(kind=kind, in_turn=in_turn, epochs=epochs, pause=pause, die_at=die_at, leave_after=leave_after)


def numbers_of(node: Node, word: str) -> list[int]:
    """What follows a word in the last line of a worker that begins with it."""
    line = [line for line in node.text.splitlines() if line.startswith(word + " ")][-1]
    return [int(number) for number in line.split()[1:]]


@pytest.mark.parametrize("in_turn", [True, False], ids=["in turn", "first come"])
def test_uneven_workers_end_each_epoch_together(tmp_path, in_turn):
    with Job(tmp_path, script(in_turn=in_turn), workers=3, MXTRAIN_REPLICAS="1") as job:
        job.succeed(120)
        assert [numbers_of(node, "counts") for node in job.of("worker")] == [[3, 3, 180]] * 3, job.report()
        batches = [numbers_of(node, "batches")[0] for node in job.of("worker")]
        assert sum(batches) == 3 * 15
        if in_turn:
            first = [next(line for line in node.text.splitlines() if "epoch 1 " in line) for node in job.of("worker")]
            assert first == [f"epoch 1 batches {number}" for number in (6, 5, 4)]
            assert batches == [15, 15, 15], "the short turn goes round"


def test_asynchronous_workers_of_unlike_speed(tmp_path):
    text = script("dist_async", epochs=2, pause="0.3 if kv.rank else 0.02")
    with Job(tmp_path, text) as job:
        job.succeed(120)
        fast, slow = (numbers_of(node, "batches")[0] for node in job.of("worker"))
        assert fast + slow == 30
        assert fast > 2 * slow, job.report()
        assert all(numbers_of(node, "counts")[0] <= 2 for node in job.of("worker"))
        assert max(numbers_of(node, "counts")[2] for node in job.of("worker")) == 2 * 60


@pytest.mark.parametrize("in_turn", [True, False], ids=["in turn", "first come"])
@pytest.mark.parametrize("who", [0, 2])
def test_a_worker_that_is_not_replaced_leaves_its_samples_to_others(tmp_path, who, in_turn):
    text = script(in_turn=in_turn, die_at=[who, 4])
    with Job(tmp_path, text, workers=3, MXTRAIN_REPLICAS="1") as job:
        dead = job[f"worker {who}"]
        assert dead.process.wait(60) == -9, job.report()
        job.wait(120)
        left = [node for node in job.nodes if node is not dead]
        assert {node.process.returncode for node in left} == {0}, job.report()
        for node in left:
            if node.role == "worker":
                least, most, total = numbers_of(node, "counts")
                assert least == 3, "no sample is lost"
                assert total <= 180 + 4, "at most the batch that was under way counts twice"
                assert most <= 4


def test_a_worker_is_replaced(tmp_path):
    text = script(die_at=[1, 4])
    with Job(tmp_path, text, workers=3, MXTRAIN_REPLICAS="1", MXTRAIN_REPLACE_TIMEOUT="60") as job:
        dead = job["worker 1"]
        assert dead.process.wait(60) == -9, job.report()
        job.replace(dead.name, MXTRAIN_TEST_LIFE="2")
        job.wait(120)
        left = [node for node in job.nodes if node is not dead]
        assert {node.process.returncode for node in left} == {0}, job.report()
        assert [numbers_of(n, "counts") for n in left if n.role == "worker"] == [[3, 3, 180]] * 3, job.report()


def test_a_worker_that_joins_takes_leases_at_once(tmp_path):
    text = script(epochs=4, pause="0.1")
    with Job(tmp_path, text, MXTRAIN_MAX_WORKERS="3", MXTRAIN_REPLICAS="1") as job:
        job["worker 0"].says("batch 3")
        job.start("worker", 2)
        job.succeed(120)
        assert [numbers_of(node, "counts") for node in job.of("worker")] == [[4, 4, 240]] * 3, job.report()
        assert numbers_of(job["worker 2"], "batches")[0] > 0, job.report()


def test_a_worker_that_leaves_in_order_returns_its_leases(tmp_path):
    with Job(tmp_path, script(leave_after=[1, 4]), workers=3) as job:
        job.succeed(120)
        workers = job.of("worker")
        assert numbers_of(workers[1], "batches") == [4]
        assert [numbers_of(node, "counts") for node in (workers[0], workers[2])] == [[3, 3, 180]] * 2, job.report()


def test_a_wait_that_lasts_too_long_names_whom_it_is_for(tmp_path):
    text = script(pause="90 if [kv.rank, batches] == [0, 8] else 0.002", epochs=1)
    with Job(tmp_path, text, MXTRAIN_KVSTORE_TIMEOUT="8") as job:
        assert job["worker 1"].process.wait(60) == 1, job.report()
        words = "for the end of an epoch of the leases 'data': epoch 0 waits for worker 0 (4 of 8 samples done)"
        assert words in job["worker 1"].text, job.report()


def test_a_worker_that_begins_the_next_epoch_early_leaves_the_rest_to_others(tmp_path):
    text = script().replace("time.sleep(0.002)", "if kv.rank == 1 and batches % 2: break")
    with Job(tmp_path, text, workers=3) as job:
        job.succeed(120)
        assert [numbers_of(node, "counts") for node in job.of("worker")] == [[3, 3, 180]] * 3, job.report()
        assert numbers_of(job["worker 1"], "batches") == [5], job.report()
