"""A distributed job whose workers compute on GPUs (CuPy's stand-in): values and training of real processes."""

from pathlib import Path

import pytest
from job import Job

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SUPPORT = str(Path(__file__).parents[2] / "support")

SCRIPT = """
import sys
import fake_cupy
import device_training
sys.modules["cupy"] = fake_cupy.make_module()
devices = [mx.gpu(0), mx.gpu(1)]
kv = mx.kv.create(KIND)

kv.init("w", nd.ones((300, 700), mx.gpu(1)))
outs = [nd.zeros((300, 700), ctx) for ctx in devices]
for step in range(3):
    kv.push("w", [nd.full((300, 700), kv.rank + 1, ctx) for ctx in devices])
    kv.pull("w", outs)
    for out, ctx in zip(outs, devices):
        assert out.context is ctx
        assert (out.asnumpy() == 6).all(), out
kv.barrier()

data, labels = device_training.images()
mine = slice(kv.rank, None, kv.num_workers)
run = device_training.train(devices, data[mine], labels[mine], kvstore=kv, batch_size=8)
assert run.losses[-1] < run.losses[0], run.losses
trained = {name: value for name, value in run.parameters.items() if "moving" not in name}
print("digest", sum(float(value.astype("float64").sum()) for value in trained.values()))
"""


@pytest.mark.parametrize("kind", ["dist_sync", "dist_device_sync"])
def test_workers_on_gpus(tmp_path, kind):
    with Job(tmp_path, SCRIPT.replace("KIND", repr(kind)), PYTHONPATH=SUPPORT) as job:
        job.succeed()
        digests = {node.text.partition("digest ")[2] for node in job.of("worker")}
    assert len(digests) == 1
    assert digests != {""}
