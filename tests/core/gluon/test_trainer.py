"""The Trainer: steps on one and several devices, the optimizer in the store or not, states, stale gradients."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd, gluon, nd
from mxtrain.gluon import nn

CONTEXTS = [mx.cpu(0), mx.cpu(1)]


def dense():
    """A small layer with multipliers."""
    layer = nn.Dense(2, in_units=3)
    layer.initialize()
    layer.weight.set_data(nd.array([[0.1, 0.2, 0.3], [-0.1, 0.0, 0.4]]))
    layer.weight.lr_mult = 2.0
    layer.bias.wd_mult = 0.5
    return layer


def parameter(value=0.0, contexts=CONTEXTS, **options):
    made = gluon.Parameter("x", shape=(3,), **options)
    made.initialize(mx.init.Constant(value), ctx=contexts)
    return made


def backward(x):
    with autograd.record():
        losses = [array.sum() for array in x.list_data()]
    autograd.backward(losses)


# what MXNet 1.9.1 gave after three steps
SGD = (
    [
        [0.006371745839715004, 0.05060753971338272, 0.0948432981967926],
        [-0.006373893469572067, 0.04658981412649155, 0.24535362422466278],
    ],
    [-0.02643359825015068, 0.026431094855070114],
)
ADAM = (
    [
        [0.13536867499351501, 0.2372102290391922, 0.3385765552520752],
        [-0.13537001609802246, -0.03721170872449875, 0.36142197251319885],
    ],
    [0.023896746337413788, -0.023897606879472733],
)


@pytest.mark.parametrize("hybridize", [False, True])
@pytest.mark.parametrize(
    ("optimizer", "settings", "expected"),
    [
        ("sgd", {"learning_rate": 0.5, "momentum": 0.9, "wd": 0.1}, SGD),
        ("adam", {"learning_rate": 0.1}, ADAM),
    ],
)
def test_steps_as_in_mxnet(optimizer, settings, expected, hybridize):
    layer, loss = dense(), gluon.loss.SoftmaxCELoss()
    layer.hybridize(hybridize)
    loss.hybridize(hybridize)
    data, labels = nd.array(np.arange(12).reshape(4, 3) / 10), nd.array([0, 1, 1, 0])
    trainer = gluon.Trainer(layer.collect_params(), optimizer, settings)
    for _ in range(3):
        with autograd.record():
            value = loss(layer(data), labels)
        value.backward()
        trainer.step(4)
    np.testing.assert_allclose(layer.weight.data().asnumpy(), expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.bias.data().asnumpy(), expected[1], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("update_on_kvstore", [None, True, False])
@pytest.mark.parametrize("kvstore", ["local", "device"])
def test_several_devices(kvstore, update_on_kvstore):
    x = parameter()
    settings = {"learning_rate": 0.5, "momentum": 0.5}
    trainer = gluon.Trainer([x], "sgd", settings, kvstore=kvstore, update_on_kvstore=update_on_kvstore)
    expected = [-0.5, -1.25]  # the gradient is 1 on both devices, halved by the batch size
    for value in expected:
        backward(x)
        trainer.step(2)
        assert [array.asnumpy()[0] for array in x.list_data()] == [value, value]
    assert trainer._update_on_kvstore is (update_on_kvstore is not False)
    assert trainer._kvstore.type == kvstore
    assert trainer.optimizer.num_update == 2


def test_one_device_needs_no_store():
    x = parameter(contexts=[mx.cpu()])
    trainer = gluon.Trainer({"x": x}, "sgd", {"learning_rate": 1.0})
    backward(x)
    trainer.step(1)
    assert (trainer._kvstore, trainer._update_on_kvstore) == (None, None)
    assert x.data().asnumpy().tolist() == [-1, -1, -1]


def test_halves_of_a_step():
    x = parameter()
    trainer = gluon.Trainer([x], "sgd", {"learning_rate": 1.0}, update_on_kvstore=False)
    backward(x)
    trainer.allreduce_grads()
    assert all((grad.asnumpy() == 2).all() for grad in x.list_grad())
    for grad in x.list_grad():
        grad[:] = 0.5
    trainer.update(1)
    assert (x.data(mx.cpu(1)).asnumpy() == -0.5).all()
    whole = gluon.Trainer([parameter()], "sgd", update_on_kvstore=True)
    for method in (whole.allreduce_grads, lambda: whole.update(1)):
        with pytest.raises(AssertionError, match="when parameters are updated on kvstore is not supported"):
            method()


class TestStaleGradients:
    def test_they_are_reported(self):
        x = parameter(contexts=[mx.cpu()])
        trainer = gluon.Trainer([x], "sgd", {"learning_rate": 1.0})
        with pytest.raises(UserWarning, match="Gradient of Parameter `x` on context cpu"):
            trainer.step(1)
        backward(x)
        trainer.step(1)
        with pytest.raises(UserWarning, match="has not been updated by backward"):
            trainer.step(1)

    def test_or_passed_over(self):
        x, y = parameter(contexts=[mx.cpu()]), parameter(5, contexts=[mx.cpu()])
        y.name = "y"
        trainer = gluon.Trainer([x, y], "sgd", {"learning_rate": 1.0, "wd": 0.1})
        backward(x)
        trainer.step(1, ignore_stale_grad=True)
        assert x.data().asnumpy()[0] == -1
        assert y.data().asnumpy()[0] == 5

    def test_without_a_gradient_there_is_nothing_to_do(self):
        x = parameter(2, contexts=[mx.cpu()], grad_req="null")
        trainer = gluon.Trainer([x, gluon.Constant("c", [1])][:1], "sgd")
        trainer.step(1)
        assert x.data().asnumpy()[0] == 2


class TestStates:
    @pytest.mark.parametrize("update_on_kvstore", [True, False])
    def test_training_goes_on_as_if_it_had_not_stopped(self, tmp_path, update_on_kvstore):
        def made(value):
            x = parameter(value)
            settings = {"learning_rate": 0.1}
            return x, gluon.Trainer([x], "adam", settings, update_on_kvstore=update_on_kvstore)

        path = str(tmp_path / "trainer.states")
        x, trainer = made(1.0)
        for _ in range(2):
            backward(x)
            trainer.step(1)
        trainer.save_states(path)
        y, resumed = made(0.0)
        y.set_data(x.data(mx.cpu()))
        resumed.load_states(path)
        for array, each in ((x, trainer), (y, resumed)):
            backward(array)
            each.step(1)
        assert (x.data(mx.cpu(1)).asnumpy() == y.data(mx.cpu(1)).asnumpy()).all()
        y.lr_mult = 0.0  # parameters still decide their multipliers
        before = y.data(mx.cpu()).asnumpy()
        backward(y)
        resumed.step(1)
        assert (y.data(mx.cpu()).asnumpy() == before).all()

    def test_a_file_of_something_else(self, tmp_path):
        path = tmp_path / "trainer.states"
        path.write_bytes(b"no states")
        x = parameter(contexts=[mx.cpu()])
        with pytest.raises(mx.MXNetError):
            gluon.Trainer([x], "adam").load_states(str(path))


class TestSettings:
    def test_learning_rate(self):
        trainer = gluon.Trainer([parameter()], "sgd", {"learning_rate": 0.5})
        trainer.set_learning_rate(0.25)
        assert trainer.learning_rate == trainer.optimizer.learning_rate == 0.25
        scheduler = mx.lr_scheduler.FactorScheduler(1, 0.5, base_lr=1.0)
        scheduled = gluon.Trainer([parameter()], "sgd", {"lr_scheduler": scheduler})
        with pytest.raises(UserWarning):
            scheduled.set_learning_rate(1)

    def test_an_optimizer_of_ones_own(self):
        optimizer = mx.optimizer.SGD(learning_rate=0.5)
        assert gluon.Trainer([parameter()], optimizer).optimizer is optimizer
        with pytest.raises(AssertionError, match="optimizer_params must be None"):
            gluon.Trainer([parameter()], optimizer, {"wd": 1})

    def test_parameters_are_sorted_by_name(self):
        params = gluon.ParameterDict()
        for name in ("b", "a"):
            params.get(name, shape=(1,))
        params.initialize()
        assert [p.name for p in gluon.Trainer(params, "sgd")._params] == ["a", "b"]

    @pytest.mark.parametrize(
        ("params", "message"),
        [(3, "must be a list or dict of Parameters"), ([3], "got list of <class 'int'>")],
    )
    def test_no_parameters(self, params, message):
        with pytest.raises(ValueError, match=message):
            gluon.Trainer(params, "sgd")

    def test_different_contexts(self):
        x, y = parameter(), parameter(contexts=[mx.cpu()])
        with pytest.raises(AssertionError, match="same set of contexts"):
            gluon.Trainer([x, y], "sgd")

    def test_a_store_without_an_optimizer(self):
        x = parameter()
        store = mx.kv.create("teststore")
        trainer = gluon.Trainer([x], "sgd", {"learning_rate": 1.0}, kvstore=store)
        backward(x)
        trainer.step(1)
        assert x.data(mx.cpu(1)).asnumpy()[0] == -2
        with pytest.raises(ValueError, match="which has no optimizer"):
            gluon.Trainer([x], "sgd", kvstore=store, update_on_kvstore=True)._init_kvstore()

    def test_set_data_starts_the_store_anew(self):
        x = parameter()
        trainer = gluon.Trainer([x], "sgd", {"learning_rate": 1.0}, update_on_kvstore=True)
        backward(x)
        trainer.step(1)
        x.set_data(nd.full((3,), 10))
        backward(x)
        trainer.step(1)
        assert x.data(mx.cpu()).asnumpy()[0] == 8


class TestRows:
    """row_sparse weights and gradients."""

    def test_a_sparse_weight_lives_in_the_store(self):
        x = gluon.Parameter("x", shape=(4, 2), stype="row_sparse", grad_stype="row_sparse")
        x.initialize("ones", ctx=CONTEXTS)
        with pytest.raises(RuntimeError, match="when no Trainer is created with it"):
            x.list_row_sparse_data(nd.array([0]))
        trainer = gluon.Trainer([x], "sgd", {"learning_rate": 1.0})
        row = x.row_sparse_data(nd.array([0, 2], ctx=mx.cpu(1)))
        assert (row.stype, row.context) == ("row_sparse", mx.cpu(1))
        assert row.asnumpy().tolist() == [[1, 1], [0, 0], [1, 1], [0, 0]]
        with pytest.raises(RuntimeError, match="via data"):
            x.data()
        with pytest.raises(RuntimeError, match="already set"):
            gluon.Trainer([x], "sgd")
        assert trainer._update_on_kvstore
        y = gluon.Parameter("y", shape=(4, 2), stype="row_sparse")
        y.initialize()
        trainer = gluon.Trainer([y], "sgd", update_on_kvstore=False)
        with pytest.raises(ValueError, match="when sparse weights are present"):
            trainer._init_kvstore()

    @pytest.mark.parametrize("update_on_kvstore", [None, True, False])
    def test_gradients_of_rows(self, update_on_kvstore):
        layer = nn.Embedding(4, 2, sparse_grad=True)
        layer.initialize("zeros", ctx=CONTEXTS)
        trainer = gluon.Trainer(
            layer.collect_params(), "sgd", {"learning_rate": 1.0}, update_on_kvstore=update_on_kvstore
        )
        with autograd.record():
            losses = [
                layer(nd.array(rows, ctx=ctx)).sum() for ctx, rows in zip(CONTEXTS, ([0, 1], [1, 1]), strict=True)
            ]
        autograd.backward(losses)
        assert layer.weight.grad(mx.cpu(1)).stype == "row_sparse"
        trainer.step(1)
        for ctx in CONTEXTS:
            assert layer.weight.data(ctx).asnumpy()[:, 0].tolist() == [-1, -3, 0, 0]
