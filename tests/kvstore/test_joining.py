"""Workers join a job that runs, and leave it: rounds are sums over who takes part, and nobody waits for ever."""

import pytest
from fault_training import training
from job import Job

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

JOINED = """
import time
kv = mx.kv.create("dist_sync")
kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=1.0))
kv.init(["a", "b"], [nd.zeros((3,)), nd.zeros((1100, 1000))])
steps = 200 if kv.rank < 2 else 40
if kv.rank >= 2:
    print("joined", flush=True)
for step in range(steps):
    for key, shape in (("a", (3,)), ("b", (1100, 1000))):
        kv.push(key, nd.ones(shape))
    seen = [pulled(kv, key, shape) for key, shape in (("a", (3,)), ("b", (1100, 1000)))]
    assert all((one == one.flat[0]).all() for one in seen), seen
    assert seen[0][0] == seen[1].flat[0], "keys of one step have the same workers"
    if step == 20:
        print("step 20", flush=True)
    time.sleep(0.02)
print("sum", seen[0][0], flush=True)
if kv.rank < 2:
    kv.barrier()
"""


@pytest.mark.parametrize("transport", ["shm", "tcp"])
def test_a_worker_joins_and_leaves(tmp_path, transport):
    env = {"MXTRAIN_MAX_WORKERS": "3", "MXTRAIN_REPLICAS": "1", "MXTRAIN_KVSTORE_TRANSPORT": transport}
    with Job(tmp_path, JOINED, **env) as job:
        job["worker 0"].says("step 20")
        job.start("worker", 2)
        job.succeed(120)
        sums = [float(node.text.split("sum ")[1]) for node in job.of("worker")]
        assert sums[0] == sums[1] == -(200 * 2 + 40), job.report()


def test_one_more_than_may_join_is_refused(tmp_path):
    with Job(tmp_path, training(steps=60, pause=0.1)) as job:
        job["worker 0"].says("step 5")
        more = job.start("worker", 2)
        assert "Expected: 2 worker(s). Received: one more" in job.end(more)
        job.succeed(90)
