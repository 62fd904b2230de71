"""Workers that joined a running job leave it: told to by a signal, or killed."""

import signal

import pytest
from job import Job

pytestmark = [pytest.mark.e2e, pytest.mark.fault, pytest.mark.timeout(180)]

FIT = """
import os, time
kv = mx.kv.create("dist_sync")
draw = np.random.default_rng(kv.rank)
steps = 250 if kv.rank < 2 else 5000
data = mx.io.NDArrayIter(draw.normal(size=(steps * 4, 6)).astype("float32"), draw.integers(0, 3, steps * 4), 4)
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3), name="softmax")

def tell(param):
    if param.nbatch % 10 == 0:
        print("step", param.nbatch, flush=True)
    time.sleep(0.03)

mx.mod.Module(net).fit(data, kvstore=kv, num_epoch=1, batch_end_callback=tell, optimizer_params={"learning_rate": 0.01})
kv.barrier()
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_the_others_go_on_at_once(tmp_path, signum):
    env = {"MXTRAIN_MAX_WORKERS": "3", "MXTRAIN_REPLICAS": "1", "MXTRAIN_REPLACE_TIMEOUT": "300", "PS_VERBOSE": "1"}
    with Job(tmp_path, FIT, **env) as job:
        job["worker 0"].says("step 10")
        third = job.start("worker", 2)
        third.says("step 10\n")
        third.process.send_signal(signum)
        assert third.process.wait(30) == (0 if signum == signal.SIGTERM else -signum), third.text
        codes = job.wait(90)
        codes.pop("worker 2")
        assert set(codes.values()) == {0}, job.report()
        words = "worker 2 (host" if signum == signal.SIGTERM else "the job goes on without it"
        assert words in job["scheduler 0"].text
