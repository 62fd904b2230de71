"""Iterators, initializers and files with arrays on a GPU."""

import numpy as np
import pytest

import mxtrain as mx

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_stay_where_the_data_is(shuffle):
    data = mx.nd.array(np.arange(10), ctx=mx.gpu(0))
    batches = list(mx.io.NDArrayIter(data, batch_size=3, shuffle=shuffle))
    assert all(batch.data[0].context is mx.gpu(0) for batch in batches)
    seen = np.concatenate([batch.data[0].asnumpy() for batch in batches])[:10]
    assert sorted(seen) == list(range(10))


def test_initializers_fill_arrays_on_a_gpu():
    for initializer in (mx.init.Xavier(), mx.init.Normal(), mx.init.Orthogonal(), mx.init.One()):
        array = mx.nd.zeros((8, 6), ctx=mx.gpu(0))
        initializer(mx.init.InitDesc("x_weight"), array)
        assert (array.asnumpy() != 0).all()


def test_saved_arrays_come_back_to_their_gpu(tmp_path):
    path = str(tmp_path / "x.params")
    mx.nd.save(path, {"a": mx.nd.ones((2,), ctx=mx.gpu(0))})
    loaded = mx.nd.load(path)["a"]
    assert loaded.context is mx.gpu(0)
    assert loaded.asnumpy().tolist() == [1, 1]


def test_metrics_take_outputs_on_a_gpu():
    metric = mx.metric.create(["acc", "ce"])
    metric.update([mx.nd.array([0, 1], ctx=mx.gpu(0))], [mx.nd.array([[0.9, 0.1], [0.6, 0.4]], ctx=mx.gpu(0))])
    assert metric.get()[1][0] == 0.5
