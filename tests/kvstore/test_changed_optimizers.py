"""A learning rate that worker 0 changes between batches reaches the servers."""

from pathlib import Path

import pytest
from job import Job

SCRIPT = """
kv = mx.kv.create("dist_sync")
names = ["a", "b"]
for name in names:
    kv.init(name, nd.zeros((4,)))
optimizer = mx.optimizer.create("sgd", learning_rate=1.0)
kv.set_optimizer(optimizer)
expected = {name: 0.0 for name in names}
for step in range(40):
    optimizer.set_learning_rate(2.0 ** -(step % 5))
    if step % 3 == 2:
        optimizer.set_lr_mult({"a": 2.0 ** (step % 4)})
        optimizer.rescale_grad = 2.0 ** -(step % 2)
    for name in names:
        kv.push(name, nd.ones((4,)) * (kv.rank + 1))
        factor = optimizer.lr_mult.get(name, 1.0) * optimizer.rescale_grad
        expected[name] -= 3 * 2.0 ** -(step % 5) * factor
    if step % 4 == 0:
        for name in names:
            out = pulled(kv, name, (4,))
            assert (out == np.float32(expected[name])).all(), (step, name, out, expected[name])
for name in names:
    assert (pulled(kv, name, (4,)) == np.float32(expected[name])).all(), name

net = mx.gluon.nn.Dense(1, in_units=2, use_bias=False)
net.initialize("zeros")
trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1.0}, kvstore=mx.kv.create("dist_sync"))
weight = 0.0
for rate in (1.0, 0.5, 0.25):
    trainer.set_learning_rate(rate)
    with mx.autograd.record():
        loss = net(nd.ones((1, 2))).sum()
    loss.backward()
    trainer.step(1)
    weight -= 2 * rate
    assert (net.weight.data().asnumpy() == weight).all(), (rate, net.weight.data())
kv.barrier()
print("good")
"""


@pytest.mark.parametrize("replicas", ["0", "1"])
def test_changes_have_effect_from_the_next_round_on(tmp_path: Path, replicas: str) -> None:
    with Job(tmp_path, SCRIPT, MXTRAIN_REPLICAS=replicas) as job:
        job.succeed(90)
        assert all("good" in node.text for node in job.of("worker")), job.report()
