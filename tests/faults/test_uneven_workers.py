"""Workers with unlike numbers of batches, and with more to do on worker 0, come to their barriers and to the end."""

from pathlib import Path

import pytest
from job import Job

pytestmark = [pytest.mark.timeout(240)]

BEGIN = """
import hashlib
kv = mx.kv.create("dist_sync")
BATCHES = (7, 4, 1)[kv.rank]
mx.random.seed(5)
rng = np.random.RandomState(3 + kv.rank)
data, label = rng.randn(4 * BATCHES, 8).astype("float32"), rng.randint(0, 3, 4 * BATCHES).astype("float32")
train = mx.io.NDArrayIter(data, label, batch_size=4)

def tell(weights):
    print("weights", hashlib.sha256(b"".join(weight.asnumpy().tobytes() for weight in weights)).hexdigest())
"""
MODULE = """
x = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=16, name="fc1")
x = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.Activation(x, act_type="relu"), num_hidden=3), name="softmax")
module = mx.mod.Module(x)
callbacks = [lambda *args: kv.barrier()] if {barriers} else []
if kv.rank == 0:
    callbacks.insert(0, mx.callback.do_checkpoint({folder!r} + "/model"))
module.fit(train, num_epoch=2, kvstore=kv, optimizer="adam", optimizer_params=dict(learning_rate=0.05),
           epoch_end_callback=callbacks, eval_data=train if kv.rank == 0 else None, initializer=mx.init.Xavier())
kv.barrier()
names = module._exec_group.param_names
weights = [nd.zeros(module._exec_group.param_arrays[i][0].shape) for i in range(len(names))]
kv.pull(list(names), weights)
tell(weights)
"""
TRAINER = """
from mxtrain import autograd, gluon
net = gluon.nn.Sequential()
net.add(gluon.nn.Dense(16, activation="relu", in_units=8), gluon.nn.Dense(3, in_units=16))
net.initialize(mx.init.Xavier())
trainer = gluon.Trainer(net.collect_params(), "adam", dict(learning_rate=0.05), kvstore=kv)
loss = gluon.loss.SoftmaxCrossEntropyLoss()
for epoch in range(2):
    train.reset()
    for batch in train:
        with autograd.record():
            out = loss(net(batch.data[0]), batch.label[0])
        out.backward()
        trainer.step(12)
    if kv.rank == 0:
        net(nd.array(data)).wait_to_read()
        net.save_parameters({folder!r} + "/net.params")
    if {barriers}:
        kv.barrier()
kv.barrier()
weights = [nd.zeros(parameter.shape) for parameter in trainer._params]
kv.pull(list(range(len(weights))), weights)
tell(weights)
"""


@pytest.mark.parametrize("transport", ["shm", "tcp"])
@pytest.mark.parametrize("barriers", [True, False], ids=["barriers", "one barrier"])
@pytest.mark.parametrize("loop", [MODULE, TRAINER], ids=["module", "trainer"])
def test_unlike_numbers_of_batches(tmp_path: Path, loop: str, barriers: bool, transport: str) -> None:
    script = BEGIN + loop.format(barriers=barriers, folder=str(tmp_path))
    with Job(tmp_path, script, workers=3, MXTRAIN_KVSTORE_TRANSPORT=transport) as job:
        job.succeed(120)
        digests = {line for n in job.of("worker") for line in n.text.splitlines() if line.startswith("weights")}
    assert len(digests) == 1, job.report()
    if (loop, barriers) in _DIGESTS:
        assert digests == _DIGESTS[loop, barriers]  # the sums depend on who had a batch, and not on time or way
    _DIGESTS[loop, barriers] = digests


_DIGESTS: dict[tuple[str, bool], set[str]] = {}
