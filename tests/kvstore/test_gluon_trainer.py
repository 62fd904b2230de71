"""Gluon's Trainer in jobs of real processes: two workers train as one process does with both parts of each batch."""

import pytest
from job import Job

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TRAIN = """
from mxtrain import autograd, gluon
from mxtrain.gluon import nn

random = np.random.RandomState(0)
DATA, LABELS = random.uniform(-1, 1, (32, 6)).astype("float32"), random.randint(0, 3, 32)

def network():
    mx.random.seed(5)
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(nn.Dense(8, activation="tanh"), nn.Dense(3))
    net.initialize(mx.init.Xavier())
    net.hybridize()
    net[0].weight.lr_mult = 0.5
    return net

def train(net, trainer, parts, batch=8):
    loss = gluon.loss.SoftmaxCELoss()
    for start in range(0, len(DATA), batch):
        size = batch // parts.count
        first = start + parts.rank * size
        with autograd.record():
            value = loss(net(nd.array(DATA[first:first + size])), nd.array(LABELS[first:first + size]))
        value.backward()
        trainer.step(batch)

class Parts:
    def __init__(self, rank=0, count=1):
        self.rank, self.count = rank, count

def values(net):
    return [parameter.data().asnumpy() for parameter in net.collect_params().values()]

def alone(optimizer, settings):
    net = network()
    train(net, gluon.Trainer(net.collect_params(), optimizer, settings, kvstore=None), Parts())
    return values(net)
"""

EQUAL = """
SETTINGS = {"sgd": {"learning_rate": 0.5, "momentum": 0.9, "wd": 0.01}, "adam": {"learning_rate": 0.05}}
settings = SETTINGS[OPTIMIZER]
expected = alone(OPTIMIZER, settings)
kv = mx.kv.create("dist_sync")
net = network()
trainer = gluon.Trainer(net.collect_params(), OPTIMIZER, settings, kvstore=kv, update_on_kvstore=UPDATE_ON_KVSTORE)
net(nd.array(DATA[:1]))
train(net, trainer, Parts(kv.rank, kv.num_workers))
assert trainer._distributed
assert kv._node.scheduler.counters.samples == len(DATA)
assert trainer._update_on_kvstore is (UPDATE_ON_KVSTORE is None)
for found, wanted in zip(values(net), expected):
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
if UPDATE_ON_KVSTORE is None:
    try:
        trainer.step(16)
    except UserWarning as error:
        assert "Possible change in the `batch_size`" in str(error)
    else:
        raise AssertionError("another batch size went unnoticed")
print("good")
"""


@pytest.mark.parametrize("update_on_kvstore", [None, False])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_two_workers_train_as_one_process(tmp_path, optimizer, update_on_kvstore):
    choice = f"OPTIMIZER, UPDATE_ON_KVSTORE = {optimizer!r}, {update_on_kvstore!r}\n"
    with Job(tmp_path, TRAIN + choice + EQUAL) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()


def test_workers_that_begin_differently_go_on_with_equal_weights(tmp_path):
    script = """
kv = mx.kv.create("dist_sync")
net = network()
net(nd.array(DATA[:1]))
net.initialize(mx.init.Constant(kv.rank), force_reinit=True)
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.0}, kvstore=kv)
with autograd.record():
    net(nd.array(DATA[:4])).sum().backward()
trainer.step(4)
assert all((value == 0).all() for value in values(net))  # those of worker 0
print("good")
"""
    with Job(tmp_path, TRAIN + script) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()


def test_asynchronous_training_needs_the_optimizer_in_the_store(tmp_path):
    script = """
kv = mx.kv.create("dist_async")
net = network()
net(nd.array(DATA[:1]))
try:
    gluon.Trainer(net.collect_params(), "sgd", kvstore=kv, update_on_kvstore=False)._init_kvstore()
except ValueError as error:
    assert "update_on_kvstore=True when training in async mode" in str(error)
else:
    raise AssertionError("no error")
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}, kvstore=kv)
before = values(net)
train(net, trainer, Parts(kv.rank, kv.num_workers))
assert trainer._update_on_kvstore
assert all((found != old).any() for found, old in zip(values(net), before))
print("good")
"""
    with Job(tmp_path, TRAIN + script) as job:
        job.succeed()
        assert all(node.text == "good\n" for node in job.of("worker")), job.report()
