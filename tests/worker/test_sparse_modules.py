"""Modules with csr data and row_sparse parameters: on one device and on several, with and without a KVStore."""

import warnings

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError, ArgumentTypeError

S, nd = mx.sym, mx.nd
FEATURES = 60


def _problem(num_samples=96, seed=0):
    """Sparse rows whose label is a linear function of them."""
    random = np.random.RandomState(seed)
    rows = np.where(random.rand(num_samples, FEATURES) < 0.1, random.rand(num_samples, FEATURES), 0)
    return rows.astype(np.float32), (rows @ random.standard_normal((FEATURES, 1))).astype(np.float32)


def _linear(stype="row_sparse"):
    weight = S.var("weight", shape=(FEATURES, 1), stype=stype)
    product = S.dot(S.var("data", stype="csr"), weight)
    return S.LinearRegressionOutput(product, S.var("label"), name="out")


def _factorization_machine(factors=4):
    x = S.var("data", stype="csr")
    v = S.var("v", shape=(FEATURES, factors), stype="row_sparse", init=mx.init.Normal(0.1))
    linear = S.dot(x, S.var("w", shape=(FEATURES, 1), stype="row_sparse", init=mx.init.Normal(0.1)))
    pairs = S.sum(S.square(S.dot(x, v)), axis=1, keepdims=True)
    own = S.dot(S.square(x), S._internal._square_sum(v, axis=1, keepdims=True))
    total = S.broadcast_add(linear, S.var("bias", shape=(1,), init=mx.init.Zero())) + 0.5 * (pairs - own)
    return S.LinearRegressionOutput(total, S.var("label"), name="out")


def _module(symbol, iterator, contexts=None, kvstore="local", optimizer="sgd", **params):
    module = mx.mod.Module(symbol, label_names=["label"], context=contexts or mx.cpu())
    module.bind(iterator.provide_data, iterator.provide_label)
    mx.random.seed(4)
    module.init_params(mx.init.Uniform(0.1))
    module.init_optimizer(kvstore, optimizer, params)
    return module


def _iterator(rows, labels, batch_size=32, stype="csr"):
    data = nd.array(rows).tostype(stype)
    return mx.io.NDArrayIter(data, {"label": labels}, batch_size, last_batch_handle="discard")


def _train(module, iterator, epochs, row_ids=None):
    for _ in range(epochs):
        iterator.reset()
        for batch in iterator:
            module.prepare(batch, sparse_row_id_fn=row_ids)
            module.forward_backward(batch)
            module.update()


def _weights(module):
    return {name: array.asnumpy() for name, array in module.get_params()[0].items()}


def test_a_linear_model_learns_from_csr_data():
    rows, labels = _problem()
    iterator = _iterator(rows, labels)
    module = _module(_linear(), iterator, learning_rate=1.0)
    assert module._exec_group.execs[0].arg_dict["data"].stype == "csr"
    assert module._exec_group.execs[0].grad_dict["weight"].stype == "row_sparse"
    _train(module, iterator, 150)
    metric = mx.metric.MSE()
    module.score(iterator, metric)
    assert metric.get()[1] < 0.02 * labels.var()


@pytest.mark.parametrize(
    ("optimizer", "params"),
    [("sgd", {"learning_rate": 0.3, "momentum": 0.9}), ("adam", {"learning_rate": 0.02}), ("adagrad", {})],
)
def test_a_factorization_machine_learns(optimizer, params):
    rows, _ = _problem()
    random = np.random.RandomState(1)
    v = random.standard_normal((FEATURES, 2)) / 3
    labels = 0.5 * ((rows @ v) ** 2 - (rows**2) @ (v**2)).sum(axis=1, keepdims=True)
    iterator = _iterator(rows, labels.astype(np.float32))
    module = _module(_factorization_machine(), iterator, optimizer=optimizer, **{"learning_rate": 0.1, **params})
    errors = []
    for _ in range(2):
        metric = mx.metric.MSE()
        module.score(iterator, metric)
        errors.append(metric.get()[1])
        _train(module, iterator, 60)
    assert errors[1] < 0.5 * errors[0]
    assert module._exec_group.execs[0].grad_dict["v"].stype == "row_sparse"


@pytest.mark.parametrize("data_stype", ["csr", "default"])
def test_sparse_training_equals_dense_training(data_stype):
    rows, labels = _problem()
    weights = []
    for weight_stype, data in (("row_sparse", "csr"), ("default", data_stype)):
        iterator = _iterator(rows, labels, stype=data)
        module = _module(_linear(weight_stype), iterator, learning_rate=0.5)
        _train(module, iterator, 4)
        weights.append(_weights(module)["weight"])
    np.testing.assert_allclose(*weights, rtol=1e-5, atol=1e-6)


def _rows_of(batch):
    return {"weight": nd.array(np.unique(batch.data[0].indices.asnumpy()), dtype="int64")}


@pytest.mark.parametrize("kvstore", ["local", "device"])
@pytest.mark.parametrize("row_ids", [None, _rows_of])
@pytest.mark.parametrize("on_store", ["1", "0"])
def test_several_devices_learn_what_one_learns(monkeypatch, kvstore, row_ids, on_store):
    monkeypatch.setenv("MXNET_UPDATE_ON_KVSTORE", on_store)
    rows, labels = _problem()
    weights = []
    for contexts in (mx.cpu(), [mx.cpu(0), mx.cpu(1)]):
        iterator = _iterator(rows, labels)
        module = _module(_linear(), iterator, contexts, kvstore, learning_rate=0.5, momentum=0.9)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _train(module, iterator, 3, row_ids)
        weights.append(_weights(module)["weight"])
    np.testing.assert_allclose(*weights, rtol=1e-5, atol=1e-6)


def test_devices_hold_only_the_rows_of_the_batch():
    rows, labels = _problem()
    iterator = _iterator(rows, labels)
    module = _module(_linear(), iterator, [mx.cpu(0), mx.cpu(1)], learning_rate=0.5)
    _train(module, iterator, 1, _rows_of)
    batch = next(iter(_iterator(rows, labels)))
    module.prepare(batch, sparse_row_id_fn=_rows_of)
    for copy in module._exec_group.param_arrays[0]:
        np.testing.assert_array_equal(copy.indices.asnumpy(), np.unique(batch.data[0].indices.asnumpy()))
    assert (_weights(module)["weight"] != 0).all()


def test_row_ids_that_do_not_fit():
    rows, labels = _problem()
    iterator = _iterator(rows, labels)
    batch = next(iter(iterator))
    module = _module(_linear(), iterator, [mx.cpu(0), mx.cpu(1)])
    with pytest.raises(ArgumentTypeError, match="dict"):
        module.prepare(batch, lambda batch: [1])
    with pytest.raises(ArgumentError, match="'other'"):
        module.prepare(batch, lambda batch: {"other": nd.array([1])})
    dense = _module(_linear("default"), _iterator(rows, labels), [mx.cpu(0), mx.cpu(1)])
    with pytest.warns(UserWarning, match="No need to perform row_sparse_pull"):
        dense.prepare(batch, _rows_of)
    single = _module(_linear(), _iterator(rows, labels))
    with pytest.warns(UserWarning, match="not updated in the KVStore"):
        single.prepare(batch, _rows_of)


def test_sparse_parameters_come_back_from_a_checkpoint(tmp_path):
    rows, labels = _problem()
    iterator = _iterator(rows, labels)
    module = _module(_linear(), iterator, learning_rate=0.5, momentum=0.9)
    _train(module, iterator, 2)
    prefix = str(tmp_path / "linear")
    module.save_checkpoint(prefix, 2, save_optimizer_states=True)
    again = mx.mod.Module.load(prefix, 2, True, label_names=["label"])
    again.bind(iterator.provide_data, iterator.provide_label)
    again.init_optimizer("local", "sgd", {"learning_rate": 0.5, "momentum": 0.9})
    assert again.get_params()[0]["weight"].stype == "row_sparse"
    for one in (module, again):
        _train(one, iterator, 1)
    np.testing.assert_array_equal(_weights(module)["weight"], _weights(again)["weight"])


def test_fit_and_predict_with_libsvm_files(tmp_path):
    rows, labels = _problem()
    path = tmp_path / "data.libsvm"
    lines = (
        " ".join([str(float(label[0])), *(f"{column}:{float(row[column])}" for column in np.flatnonzero(row))])
        for row, label in zip(rows, labels, strict=True)
    )
    path.write_text("\n".join(lines) + "\n")
    iterator = mx.io.LibSVMIter(data_libsvm=str(path), data_shape=(FEATURES,), batch_size=32, label_name="label")
    product = S.dot(S.var("data", stype="csr"), S.var("weight", shape=(FEATURES, 1), stype="row_sparse"))
    symbol = S.LinearRegressionOutput(S.reshape(product, shape=(-1,)), S.var("label"))
    module = mx.mod.Module(symbol, label_names=["label"])
    module.fit(iterator, eval_metric="mse", optimizer_params={"learning_rate": 1.0}, num_epoch=100)
    predicted = module.predict(iterator).asnumpy()
    assert np.mean((predicted - labels.reshape(-1)) ** 2) < 0.05 * labels.var()


def test_shared_modules_share_sparse_parameters():
    def network():
        weight = S.var("table_weight", stype="row_sparse")
        table = S.Embedding(S.var("data"), weight, input_dim=20, output_dim=3, sparse_grad=True)
        return S.LinearRegressionOutput(S.sum(table, axis=(1, 2)), S.var("label"))

    first = mx.mod.Module(network(), label_names=["label"])
    first.bind([("data", (8, 4))], [("label", (8,))])
    first.init_params(mx.init.Uniform(0.1))
    first.init_optimizer(optimizer_params={"learning_rate": 0.1})
    second = mx.mod.Module(network(), label_names=["label"])
    second.bind([("data", (8, 2))], [("label", (8,))], shared_module=first)
    batch = mx.io.DataBatch([nd.ones((8, 2)) * 7], [nd.zeros((8,))])
    before = first._exec_group.execs[0].arg_dict["table_weight"].asnumpy()
    second.forward_backward(batch)
    second.update()
    after = first._exec_group.execs[0].arg_dict["table_weight"].asnumpy()
    assert np.flatnonzero((before != after).any(axis=1)).tolist() == [7]
