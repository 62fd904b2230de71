"""A leased training that is stopped in order and taken up again: every sample once an epoch, whoever waited."""

import signal

import pytest
from job import Job

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

FIT = """
import os, time
kv = mx.kv.create("dist_sync")
N = 44
data = np.eye(N, dtype="float32")
train = mx.io.LeasedIter(kv, data, batch_size=4, shuffle=True, seed=2, lease_batches=1)
net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=1, no_bias=True, name="fc")
net = mx.sym.MakeLoss(mx.sym.sum(net), name="loss")   # each row adds one to its own weight
checkpoint = mx.model.TrainingCheckpoint("net", train, rank=kv.rank)
module = checkpoint.resume(net, label_names=None) or mx.mod.Module(net, label_names=None)
slow = kv.rank == 0 and not checkpoint.begin_epoch and not os.path.exists("stopped")

def batch_end(param):
    print("batch", param.epoch, param.nbatch, flush=True)
    if {slow}:
        print("slow", flush=True)
        time.sleep(1.5)

module.fit(train, begin_epoch=checkpoint.begin_epoch, num_epoch=2, kvstore=kv, optimizer="sgd",
           optimizer_params=dict(learning_rate=-1.0, rescale_grad=1.0, wd=0.0), initializer=mx.init.Zero(),
           batch_end_callback=batch_end, epoch_end_callback=checkpoint.of(module), eval_metric=mx.metric.Loss())
counts = module.get_params()[0]["fc_weight"].asnumpy()
print("counts", counts.min(), counts.max(), flush=True)
"""


@pytest.mark.parametrize("nbatch", [1, 3], ids=["in an epoch", "when others wait"])
def test_it_goes_on_where_it_stopped(tmp_path, monkeypatch, nbatch):
    monkeypatch.chdir(tmp_path)
    slow = f"slow and [param.epoch, param.nbatch] == [0, {nbatch}]"
    with Job(tmp_path, FIT.format(slow=slow), workers=3) as job:
        job["worker 0"].says("slow")
        for node in job.of("worker"):
            job.send(node.name, signal.SIGTERM)
        codes = job.wait(90)
        assert [codes[f"worker {rank}"] for rank in range(3)] == [85, 85, 85], job.report()
    (tmp_path / "stopped").touch()
    with Job(tmp_path, FIT.format(slow=slow), workers=3) as job:
        job.succeed(120)
        for node in job.of("worker"):
            assert "counts 2.0 2.0" in node.text, job.report()
