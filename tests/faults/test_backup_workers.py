"""Backup workers among real processes: a slow one holds nobody up, deaths stop nobody, and the training converges."""

from pathlib import Path

import pytest
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

#: Worker 2 takes ten times as long for a step. The job ends when so many rounds are complete.
STEPS = """
import hashlib, os, signal, time
kv = mx.kv.create("dist_sync")
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.01, momentum=0.9, rescale_grad=1 / kv.num_summed))
keys = list(range(4))
shapes = [(17,), (300, 40), (110, 100), (5, 3)]
kv.init(keys, [nd.ones(shape) for shape in shapes])
weights = [nd.zeros(shape) for shape in shapes]
kv.pull(keys, weights)
mine = 0
start = time.time()
while kv.rounds < {rounds}:
    for key in keys:
        kv.push(key, weights[key] * 0.1 + nd.ones(shapes[key]) * 0.01)
        kv.pull(key, weights[key])
    nd.waitall()
    mine += 1
    if mine == {tell}:
        print("begun", flush=True)
    time.sleep(0.2 if kv.rank == 2 else 0.02)
print("pushed", mine, "passed over", kv.rounds_passed_over, "seconds", time.time() - start, flush=True)
kv.barrier()
kv.pull(keys, weights)
print("weights", hashlib.sha256(b"".join(weight.asnumpy().tobytes() for weight in weights)).hexdigest(), flush=True)
"""


def pushed(job: Job, name: str) -> tuple[int, int]:
    """How often a worker has pushed, and how many rounds went on without it."""
    words = next(line for line in job[name].text.splitlines() if line.startswith("pushed")).split()
    return int(words[1]), int(words[4])


def weights(job: Job, *names: str) -> set[str]:
    return {line for name in names for line in job[name].text.splitlines() if line.startswith("weights")}


@pytest.mark.parametrize("transport", ["shm", "tcp"])
def test_a_slow_worker_holds_nobody_up(tmp_path: Path, transport: str) -> None:
    env = {"MXTRAIN_BACKUP_WORKERS": "1", "MXTRAIN_KVSTORE_TRANSPORT": transport}
    with Job(tmp_path, STEPS.format(rounds=60, tell=1), workers=3, **env) as job:
        job.succeed(120)
        mine, over = pushed(job, "worker 2")
        assert mine < 40 < mine + over
        assert all(pushed(job, f"worker {rank}")[0] > mine for rank in (0, 1))
        assert len(weights(job, "worker 0", "worker 1", "worker 2")) == 1, job.report()


@pytest.mark.parametrize("victim", ["worker 2", "worker 0", "worker 1", "server 0", "server 1"])
def test_deaths(tmp_path: Path, victim: str) -> None:
    env = {"MXTRAIN_BACKUP_WORKERS": "1", "MXTRAIN_REPLICAS": "1", "MXTRAIN_REPLACE_TIMEOUT": "60"}
    with Job(tmp_path, STEPS.format(rounds=120, tell=5), workers=3, **env) as job:
        job["worker 0"].says("begun", 150)
        job.kill(victim)
        job.replace(victim)
        job.wait(150)
        assert [node.process.returncode for node in job.nodes].count(0) == len(job.nodes) - 1, job.report()
        assert len(weights(job, "worker 0", "worker 1", "worker 2")) == 1, job.report()


@pytest.mark.parametrize("victim", ["worker 2", "worker 1"])
def test_a_dead_worker_is_one_that_rounds_do_without(tmp_path: Path, victim: str) -> None:
    """Nobody takes its place: the others go on, and a round then needs both of them."""
    with Job(tmp_path, STEPS.format(rounds=80, tell=5), workers=3, MXTRAIN_BACKUP_WORKERS="1") as job:
        job["worker 0"].says("begun", 150)
        job.kill(victim)
        job.wait(150)
        left = [f"worker {rank}" for rank in range(3) if f"worker {rank}" != victim]
        assert {job[name].process.returncode for name in left} == {0}, job.report()
        assert len(weights(job, *left)) == 1, job.report()


DIGITS = """
import csv, gzip, time
kv = mx.kv.create("dist_sync")
with gzip.open({path!r}, "rt") as file:
    table = np.array(list(csv.reader(file)), "float32")
order = np.random.RandomState(0).permutation(len(table))
table = table[order]
pixels, label = table[:, :64] / 16, table[:, 64]
x, y = pixels[300:][kv.rank::3], label[300:][kv.rank::3]
train = mx.io.NDArrayIter(x, y, batch_size=20, shuffle=True)
net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=64)
net = mx.sym.FullyConnected(mx.sym.Activation(net, act_type="relu"), num_hidden=10)
module = mx.mod.Module(mx.sym.SoftmaxOutput(net, name="softmax"))
steps = 0

def slow(param):
    global steps
    steps += 1
    time.sleep(0.05 if kv.rank == 2 else 0.005)

mx.random.seed(3)
module.fit(train, num_epoch=40, kvstore=kv, optimizer="adam", optimizer_params=dict(learning_rate=0.005),
           initializer=mx.init.Xavier(), batch_end_callback=slow, epoch_end_callback=lambda *args: kv.barrier())
score = module.score(mx.io.NDArrayIter(pixels[:300], label[:300], batch_size=20), "acc")[0][1]
print("steps", steps, "accuracy", score, flush=True)
assert abs(module._optimizer.rescale_grad - 1 / (20 * 2)) < 1e-9
"""


def test_digits_with_one_slow_worker(tmp_path: Path) -> None:
    path = str(Path(__file__).parents[2] / "examples" / "digits" / "digits.csv.gz")
    with Job(tmp_path, DIGITS.format(path=path), workers=3, MXTRAIN_BACKUP_WORKERS="1") as job:
        job.succeed(200)
        for rank in range(3):
            words = next(line for line in job[f"worker {rank}"].text.splitlines() if line.startswith("steps")).split()
            assert float(words[3]) >= 0.97, job.report()
        assert int(words[1]) < 40 * 25 / 2  # worker 2 has left out batches
