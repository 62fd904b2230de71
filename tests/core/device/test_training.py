"""Optimizers, executors, Module and KVStores on GPUs (CuPy's stand-in) give what they give on the CPU."""

import device_training as support
import numpy as np
import pytest

import mxtrain as mx

HOST, ONE, TWO = [mx.cpu(0)], [mx.gpu(1)], [mx.gpu(0), mx.gpu(1)]
# sgld draws random numbers; "test" and "ccsgd" are others under a second name
OPTIMIZERS = sorted(set(mx.optimizer.Optimizer.opt_registry) - {"sgld", "test", "ccsgd"})


@pytest.mark.parametrize("ctx", TWO, ids=str)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(fake_gpus, name, ctx):
    found, expected = support.updated_weights(name, ctx), support.updated_weights(name, mx.cpu(0))
    for there, here in zip(found, expected, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "nag", "lamb"])
def test_optimizer_with_a_float32_copy(fake_gpus, name):
    results = [support.updated_weights(name, ctx, np.float16, multi_precision=True) for ctx in (mx.gpu(1), mx.cpu(0))]
    for there, here in zip(*results, strict=True):
        np.testing.assert_allclose(there, here, rtol=2e-3, atol=2e-3)


def test_random_optimizer(fake_gpus):
    weights = support.updated_weights("sgld", mx.gpu(1))
    assert all(np.isfinite(weight).all() for weight in weights)


@pytest.fixture(scope="module")
def on_host():
    return {name: _train(HOST, optimizer=name) for name in OPTIONS}


OPTIONS = {"sgd": {"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-3}, "adam": {"learning_rate": 0.01}}


def _train(contexts, optimizer="sgd", **options):
    return support.train(contexts, *support.images(), optimizer=optimizer, options=OPTIONS[optimizer], **options)


@pytest.mark.parametrize("kvstore", ["local", "device", None])
@pytest.mark.parametrize("optimizer", OPTIONS)
def test_lenet_on_one_device(fake_gpus, on_host, optimizer, kvstore):
    run = _train(ONE, optimizer, kvstore=kvstore)
    assert run.losses[-1] < run.losses[0]
    support.assert_same_training(run, on_host[optimizer])


@pytest.mark.parametrize("kvstore", ["local", "device"])
@pytest.mark.parametrize("optimizer", OPTIONS)
def test_lenet_on_two_devices(fake_gpus, optimizer, kvstore):
    run = _train(TWO, optimizer, kvstore=kvstore)
    assert run.losses[-1] < run.losses[0]
    support.assert_same_training(run, _train([mx.cpu(0), mx.cpu(1)], optimizer, kvstore=kvstore))


@pytest.mark.parametrize("kind", ["local", "device"])
@pytest.mark.parametrize("target", [mx.cpu(0), mx.gpu(0), mx.gpu(1)], ids=str)
def test_kvstore_sums_over_devices(fake_gpus, kind, target):
    store = mx.kv.create(kind)
    store.init("w", mx.nd.zeros((2, 3), mx.gpu(0)))
    values = [mx.nd.full((2, 3), i + 1, ctx) for i, ctx in enumerate((mx.gpu(0), mx.gpu(1), mx.gpu(0)))]
    store.push("w", values)
    out = mx.nd.zeros((2, 3), target)
    store.pull("w", out)
    assert out.context is target
    np.testing.assert_array_equal(out.asnumpy(), np.full((2, 3), 6))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kvstore_updates_on_a_device(fake_gpus, dtype, tmp_path):
    store = mx.kv.create("device")
    store.init(3, mx.nd.ones((4,), mx.gpu(1), dtype))
    store.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.5, momentum=0.5))
    outs = [mx.nd.zeros((4,), ctx, dtype) for ctx in TWO]
    for expected in (0, -1.5):
        store.pushpull(3, [mx.nd.ones((4,), ctx, dtype) for ctx in TWO], outs)
        for out in outs:
            np.testing.assert_array_equal(out.asnumpy(), np.full((4,), expected))
    store.save_optimizer_states(str(tmp_path / "states"))
    store.load_optimizer_states(str(tmp_path / "states"))


def _watched(ctx):
    seen = []
    executor = support.lenet().simple_bind(ctx, data=(4, 1, 8, 8), softmax_label=(4,))
    for number, (name, array) in enumerate(sorted(executor.arg_dict.items())):
        array[:] = (
            np.random.default_rng(number).uniform(-1, 1, array.shape) if name != "softmax_label" else [0, 1, 2, 0]
        )
    executor.set_monitor_callback(lambda name, array: seen.append((name, array.asnumpy())), monitor_all=True)
    executor.forward(is_train=True)
    executor.backward()
    return seen


def test_monitor_sees_the_same(fake_gpus):
    found, expected = _watched(mx.gpu(1)), _watched(mx.cpu(0))
    assert [name for name, _ in found] == [name for name, _ in expected]
    for (name, there), (_, here) in zip(found, expected, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-5, err_msg=name)


def test_gradient_that_no_output_reaches_is_zero(fake_gpus):
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    symbol = mx.sym.Group([a * 2, mx.sym.BlockGrad(b)])
    arrays = {name: mx.nd.ones((2,), mx.gpu(1)) for name in "ab"}
    grads = {name: mx.nd.full((2,), 9, mx.gpu(1)) for name in "ab"}
    executor = symbol.bind(mx.gpu(1), arrays, args_grad=grads)
    executor.forward(is_train=True)
    executor.backward([mx.nd.ones((2,), mx.gpu(1))] * 2)
    assert grads["a"].asnumpy().tolist() == [2, 2]
    assert grads["b"].asnumpy().tolist() == [0, 0]


def test_executor_takes_new_shapes(fake_gpus):
    executor = support.lenet().simple_bind(mx.gpu(1), data=(4, 1, 8, 8), softmax_label=(4,))
    smaller = executor.reshape(data=(2, 1, 8, 8), softmax_label=(2,))
    assert smaller.forward(data=mx.nd.ones((2, 1, 8, 8)))[0].shape == (2, support.NUM_CLASSES)


class _Doubler(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0] * 2)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], mx.nd.array(out_grad[0].asnumpy() * 2))


@mx.operator.register("double_on_devices")
class _DoublerProp(mx.operator.CustomOpProp):
    def create_operator(self, ctx, in_shapes, in_dtypes):
        return _Doubler()


def test_custom_operator(fake_gpus):
    x = mx.nd.ones((2, 2), mx.gpu(1))
    x.attach_grad()
    with mx.autograd.record():
        y = mx.nd.Custom(x, op_type="double_on_devices")
    y.backward()
    assert y.context is x.grad.context is mx.gpu(1)
    np.testing.assert_array_equal((y + x.grad).asnumpy(), np.full((2, 2), 4))


def test_feed_forward_trains_and_predicts(fake_gpus):
    data, labels = support.images()
    model = mx.model.FeedForward.create(
        support.lenet(), data, labels, ctx=TWO, num_epoch=6, numpy_batch_size=16, learning_rate=0.1, momentum=0.9
    )
    predicted = model.predict(data)
    assert predicted.shape == (len(data), support.NUM_CLASSES)
    assert (predicted.argmax(axis=1) == labels).mean() > 0.9


def test_checkpoint_goes_from_gpu_to_cpu(fake_gpus, tmp_path):
    data, labels = support.images()
    batches = mx.io.NDArrayIter(mx.nd.array(data, mx.gpu(1)), mx.nd.array(labels, mx.gpu(0)), 16, shuffle=True)
    module = mx.mod.Module(support.lenet(), context=ONE)
    module.fit(batches, num_epoch=1, initializer=mx.init.Xavier(), optimizer="adam")
    module.save_checkpoint(str(tmp_path / "net"), 1, save_optimizer_states=True)
    expected = module.predict(mx.io.NDArrayIter(data, batch_size=16)).asnumpy()
    loaded = mx.mod.Module.load(str(tmp_path / "net"), 1, context=mx.cpu(0), label_names=None)
    loaded.bind([("data", (16, 1, 8, 8))], for_training=False)
    found = loaded.predict(mx.io.NDArrayIter(data, batch_size=16))
    assert found.context is mx.cpu(0)
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-4, atol=1e-6)


class _Square(mx.autograd.Function):
    def forward(self, x):
        self.save_for_backward(x)
        return x * x

    def backward(self, grad):
        (x,) = self.saved_tensors
        return 2 * x * grad


def test_user_function(fake_gpus):
    x = mx.nd.array([3, 4], mx.gpu(1))
    x.attach_grad()
    with mx.autograd.record():
        y = _Square()(x)
    y.backward()
    assert x.grad.asnumpy().tolist() == [6, 8]
