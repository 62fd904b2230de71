"""Gluon on GPUs (CuPy's stand-in): layers, training, files, as on the CPU."""

import device_training as support
import gluon_layers
import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd, gluon, nd
from mxtrain.gluon import nn

HOST, ONE, TWO = [mx.cpu(0)], [mx.gpu(1)], [mx.gpu(0), mx.gpu(1)]
CASES = gluon_layers.cases(mx)


def network():
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(nn.Conv2D(4, 3, activation="tanh"), nn.MaxPool2D(), nn.Dense(16, activation="relu"), nn.Dense(3))
    return net


def trained(contexts, *, hybridize=True, optimizer="sgd", **options):
    """Losses and parameters of a network after a few epochs on the same data."""
    data, labels = support.images(32)
    mx.random.seed(7)
    net, loss = network(), gluon.loss.SoftmaxCELoss()
    net.initialize(mx.init.Xavier(), ctx=contexts)
    if hybridize:
        net.hybridize()
        loss.hybridize()
    net(nd.array(data[:1], ctx=contexts[0]))
    trainer = gluon.Trainer(net.collect_params(), optimizer, {"learning_rate": 0.05}, **options)
    losses = []
    for _ in range(3):
        total = 0.0
        for start in range(0, len(data), 16):
            batch = [gluon.utils.split_and_load(part[start : start + 16], contexts) for part in (data, labels)]
            with autograd.record():
                values = [loss(net(x), y) for x, y in zip(*batch, strict=True)]
            autograd.backward(values)
            trainer.step(16)
            total += sum(float(value.sum().asscalar()) for value in values)
        losses.append(total / len(data))
    return losses, {name: p.data(contexts[-1]).asnumpy() for name, p in net.collect_params().items()}


@pytest.fixture(scope="module")
def on_host():
    return trained(HOST)


@pytest.mark.parametrize("hybridize", [False, True])
def test_one_device(fake_gpus, on_host, hybridize):
    compare(trained(ONE, hybridize=hybridize), on_host)


@pytest.mark.parametrize("kvstore", ["local", "device"])
@pytest.mark.parametrize("update_on_kvstore", [True, False])
def test_two_devices(fake_gpus, on_host, kvstore, update_on_kvstore):
    compare(trained(TWO, kvstore=kvstore, update_on_kvstore=update_on_kvstore), on_host)


def compare(found, expected):
    assert found[0][-1] < found[0][0]
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-3)
    for name, value in expected[1].items():
        np.testing.assert_allclose(found[1][name], value, rtol=1e-2, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("hybridize", [False, True])
@pytest.mark.parametrize("name", sorted(set(CASES) - {"sdml"}))
def test_every_layer(fake_gpus, name, hybridize):
    make, shapes = CASES[name]
    expected = gluon_layers.run(mx, name, make, shapes)
    with mx.gpu(1):
        found = gluon_layers.run(mx, name, make, shapes, hybridize)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-3, atol=1e-4, err_msg=key)


def test_files_and_moves(fake_gpus, tmp_path):
    net = network()
    net.initialize(ctx=TWO)
    net.hybridize()
    x = nd.ones((1, 1, 8, 8), ctx=mx.gpu(0))
    out = net(x)
    path = str(tmp_path / "net.params")
    net.save_parameters(path)
    net.collect_params().reset_ctx(mx.cpu())
    np.testing.assert_allclose(net(x.as_in_context(mx.cpu())).asnumpy(), out.asnumpy(), rtol=1e-5)
    other = network()
    other.load_parameters(path, ctx=ONE)
    assert other(x.as_in_context(mx.gpu(1))).context is mx.gpu(1)
    with pytest.raises(mx.MXNetError, match=r"not initialized on context gpu\(0\)"):
        other(x)


def test_norms_are_clipped_over_devices(fake_gpus):
    arrays = [nd.array([3.0], ctx=mx.gpu(0)), nd.array([4.0], ctx=mx.gpu(1))]
    assert gluon.utils.clip_global_norm(arrays, 1.0) == 5.0
    np.testing.assert_allclose([array.asscalar() for array in arrays], [0.6, 0.8], rtol=1e-6)
