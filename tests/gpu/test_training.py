"""Training on GPUs: the same losses, weights and accuracy as on the CPU."""

import device_training as support
import numpy as np
import pytest

import mxtrain as mx

pytestmark = pytest.mark.gpu

OPTIMIZERS = sorted(set(mx.optimizer.Optimizer.opt_registry) - {"sgld", "test", "ccsgd"})
OPTIONS = {"sgd": {"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-3}, "adam": {"learning_rate": 0.01}}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(gpu, name):
    found, expected = support.updated_weights(name, gpu), support.updated_weights(name, mx.cpu(0))
    for there, here in zip(found, expected, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "nag", "lamb"])
def test_optimizer_with_a_float32_copy(gpu, name):
    results = [support.updated_weights(name, ctx, np.float16, multi_precision=True) for ctx in (gpu, mx.cpu(0))]
    for there, here in zip(*results, strict=True):
        np.testing.assert_allclose(there, here, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("kvstore", ["local", "device", None])
@pytest.mark.parametrize("optimizer", OPTIONS)
def test_same_training_as_on_the_cpu(gpu, optimizer, kvstore):
    runs = [
        support.train([ctx], *support.images(), optimizer=optimizer, options=OPTIONS[optimizer], kvstore=kvstore)
        for ctx in (gpu, mx.cpu(0))
    ]
    support.assert_same_training(*runs)


def _digits():
    datasets = pytest.importorskip("sklearn.datasets", reason="the digits come with the extra mxtrain[digits]")
    digits = datasets.load_digits()
    return (digits.images[:, None] / 16).astype(np.float32), digits.target.astype(np.float32)


def test_digits_are_learned_as_on_the_cpu(gpu):
    data, labels = _digits()
    symbol = support.lenet(num_classes=10, filters=16, hidden=64)
    here, there = (support.train([ctx], data, labels, symbol, batch_size=64, num_epoch=6) for ctx in (mx.cpu(0), gpu))
    assert there.losses == sorted(there.losses, reverse=True)
    assert there.losses[-1] < there.losses[0] / 5
    assert there.accuracy >= 0.98
    assert abs(there.accuracy - here.accuracy) <= 0.01


@pytest.mark.parametrize("kvstore", ["local", "device"])
def test_one_gpu_listed_twice(gpu, kvstore):
    run = support.train([gpu, gpu], *support.images(), kvstore=kvstore)
    support.assert_same_training(run, support.train([mx.cpu(0), mx.cpu(0)], *support.images(), kvstore=kvstore))


def test_cpu_and_gpu_together(gpu):
    run = support.train([gpu, mx.cpu(0)], *support.images())
    support.assert_same_training(run, support.train([mx.cpu(0), mx.cpu(1)], *support.images()))


@pytest.mark.parametrize("optimizer", OPTIONS)
@pytest.mark.parametrize("kvstore", ["local", "device"])
def test_two_gpus(two_gpus, optimizer, kvstore):
    options = {"optimizer": optimizer, "options": OPTIONS[optimizer], "kvstore": kvstore}
    run = support.train(two_gpus, *support.images(), **options)
    support.assert_same_training(run, support.train([mx.cpu(0), mx.cpu(1)], *support.images(), **options))


def _reduced(kind, contexts):
    """What a store gives back for one value per context."""
    store = mx.kv.create(kind)
    store.init("w", mx.nd.zeros((64, 33), contexts[0]))
    rng = np.random.default_rng(2)
    values = [mx.nd.array(rng.normal(size=(64, 33)), ctx) for ctx in contexts]
    outs = [mx.nd.zeros((64, 33), ctx) for ctx in contexts]
    store.pushpull("w", values, outs)
    assert [out.context for out in outs] == list(contexts)
    return [out.asnumpy() for out in outs]


@pytest.mark.parametrize("kind", ["local", "device"])
def test_kvstore_sums_on_the_device(gpu, kind):
    expected = _reduced("local", [mx.cpu(0)] * 3)
    np.testing.assert_allclose(_reduced(kind, [gpu] * 3), expected, rtol=1e-6)
    np.testing.assert_allclose(_reduced(kind, [gpu, mx.cpu(0), gpu]), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["local", "device"])
def test_kvstore_sums_over_two_gpus(two_gpus, kind):
    expected = _reduced("local", [mx.cpu(0)] * 4)
    np.testing.assert_allclose(_reduced(kind, two_gpus * 2), expected, rtol=1e-6)


def test_mixed_precision(gpu):
    data, labels = support.images()
    weights = {}
    for ctx in (gpu, mx.cpu(0)):
        options = {"learning_rate": 0.05, "momentum": 0.9, "multi_precision": True}
        symbol = mx.sym.Cast(mx.sym.Variable("data"), dtype="float16")
        symbol = mx.sym.FullyConnected(symbol, num_hidden=support.NUM_CLASSES, name="scores")
        symbol = mx.sym.SoftmaxOutput(mx.sym.Cast(symbol, dtype="float32"), name="softmax")
        weights[ctx] = support.train([ctx], data, labels, symbol, options=options).parameters
    for name, value in weights[mx.cpu(0)].items():
        assert value.dtype == np.float16
        np.testing.assert_allclose(weights[gpu][name], value, rtol=0.02, atol=0.02)
