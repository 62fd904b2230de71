"""A Gluon training on leased data: weights count how often each sample was used."""

import pytest
from job import Job

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

GLUON = """
kv = mx.kv.create("dist_sync")
N, BATCH = 44, 4
train = mx.io.LeasedIter(kv, np.eye(N, dtype="float32"), batch_size=BATCH, shuffle=True, lease_batches=1)
net = mx.gluon.nn.Dense(1, use_bias=False, in_units=N)
net.initialize(mx.init.Zero())
params = net.collect_params()
trainer = mx.gluon.Trainer(params, "sgd", {"learning_rate": -BATCH, "wd": 0.0}, kvstore=kv)

def renew():
    for number, parameter in enumerate(params.values()):
        kv.pull(number, out=parameter.list_data())

train.leases.on_return = renew
for epoch in range(train.epoch, 3):
    for batch in train:
        with mx.autograd.record():
            loss = net(batch.data[0]).sum()   # each row adds one to its own weight
        loss.backward()
        trainer.step(BATCH)
    train.reset()
counts = net.weight.data().asnumpy()
print("counts", counts.min(), counts.max())
"""


def test_every_sample_counts_once_an_epoch(tmp_path):
    with Job(tmp_path, GLUON, workers=3) as job:
        job.succeed(120)
        assert all(node.text == "counts 3.0 3.0\n" for node in job.of("worker")), job.report()
