"""Training with sparse arrays on GPUs (CuPy's stand-in) gives what it gives on the CPU."""

import numpy as np
import pytest

import mxtrain as mx

S, nd = mx.sym, mx.nd
ROWS, COLUMNS = 9, 4


def _rows(seed=0):
    random = np.random.RandomState(seed)
    values = random.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    values[::2] = 0
    return values


def _updated(name, ctx, stype, **options):
    weight = nd.array(_rows(1) + 1, ctx).tostype(stype)
    updater = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1, **options))
    for seed in range(3):
        updater(0, nd.array(_rows(seed), ctx).tostype("row_sparse"), weight)
    assert weight.context is ctx
    return weight.asnumpy()


@pytest.mark.parametrize("stype", ["default", "row_sparse", "csr"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sgd", {"momentum": 0.9, "wd": 0.1}),
        ("sgd", {"momentum": 0.9, "wd": 0.1, "lazy_update": False}),
        ("adam", {"wd": 0.1}),
        ("adagrad", {}),
        ("ftrl", {}),
        ("groupadagrad", {}),
        ("rmsprop", {}),
    ],
)
def test_optimizers(fake_gpus, name, options, stype):
    there, here = (_updated(name, ctx, stype, **options) for ctx in (mx.gpu(1), mx.cpu()))
    np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)


def _embedded(ctx, **options):
    weight = nd.array(_rows(2), ctx)
    weight.attach_grad(stype="row_sparse", **options)
    for ids in ([1, 3, 1], [0, 8]):
        with mx.autograd.record():
            found = nd.Embedding(nd.array(ids, ctx), weight, input_dim=ROWS, output_dim=COLUMNS, sparse_grad=True)
            y = found * found
        y.backward()
    assert weight.grad.context is ctx
    return weight.grad.indices.asnumpy(), weight.grad.asnumpy()


@pytest.mark.parametrize("grad_req", ["write", "add"])
def test_recorded_embeddings(fake_gpus, grad_req):
    for there, here in zip(*(_embedded(ctx, grad_req=grad_req) for ctx in (mx.gpu(1), mx.cpu())), strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-6)


def _executed(ctx):
    x, w = S.var("x", stype="csr"), S.var("w", stype="row_sparse")
    pairs = S.square(S.dot(x, w)) - S.dot(S.square(x), S.square(w))
    symbol = S.broadcast_add(S.sum(pairs, axis=1), S.sum(S.reshape(w, shape=(-1,))))
    executor = symbol.simple_bind(ctx, x=(5, ROWS), w=(ROWS, COLUMNS), grad_req={"w": "add"})
    executor.arg_dict["x"][:] = nd.array(_rows(3).T.repeat(2, 0)[:5])
    executor.arg_dict["w"][:] = nd.array(_rows(4))
    executor.forward(is_train=True)
    executor.backward(nd.ones((5,), ctx))
    return executor.outputs[0].asnumpy(), executor.grad_dict["w"].asnumpy()


def test_executors(fake_gpus):
    for there, here in zip(_executed(mx.gpu(1)), _executed(mx.cpu()), strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-5)


def _stored(contexts, kind):
    kv = mx.kv.create(kind)
    kv.init("w", nd.array(_rows(5) + 1).tostype("row_sparse"))
    kv.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9))
    kv.push("w", [nd.array(_rows(i), ctx).tostype("row_sparse") for i, ctx in enumerate(contexts)])
    outs = [nd.zeros((ROWS, COLUMNS), ctx, stype="row_sparse") for ctx in contexts]
    kv.row_sparse_pull("w", out=outs, row_ids=[nd.array([7, 1, 1], ctx) for ctx in contexts])
    assert [out.context for out in outs] == contexts
    return [out.asnumpy() for out in outs]


@pytest.mark.parametrize("kind", ["local", "device"])
def test_stores(fake_gpus, kind):
    there, here = _stored([mx.gpu(0), mx.gpu(1)], kind), _stored([mx.cpu(0), mx.cpu(1)], kind)
    np.testing.assert_allclose(there, here, rtol=1e-6)


def _trained(contexts, row_ids):
    random = np.random.RandomState(6)
    rows = np.where(random.rand(24, ROWS) < 0.4, random.rand(24, ROWS), 0).astype(np.float32)
    labels = rows @ random.standard_normal((ROWS, 1)).astype(np.float32)
    iterator = mx.io.NDArrayIter(nd.array(rows).tostype("csr"), {"label": labels}, 8, last_batch_handle="discard")
    product = S.dot(S.var("data", stype="csr"), S.var("w", shape=(ROWS, 1), stype="row_sparse"))
    module = mx.mod.Module(S.LinearRegressionOutput(product, S.var("label")), label_names=["label"], context=contexts)
    module.bind(iterator.provide_data, iterator.provide_label)
    module.init_params(arg_params={"w": nd.ones((ROWS, 1))})
    module.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    for batch in iterator:
        module.prepare(batch, sparse_row_id_fn=row_ids)
        module.forward_backward(batch)
        module.update()
    return module.get_params()[0]["w"].asnumpy()


@pytest.mark.parametrize("row_ids", [None, lambda batch: {"w": batch.data[0].indices}])
def test_modules(fake_gpus, row_ids):
    there, here = (_trained(contexts, row_ids) for contexts in ([mx.gpu(0), mx.gpu(1)], [mx.cpu(0), mx.cpu(1)]))
    np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)
