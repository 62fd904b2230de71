"""UpSampling against MXNet 1.9.1's figures, and its gradient against differences."""

import numpy as np
import pytest

import mxtrain as mx


def small(*shape):
    return mx.nd.array(np.arange(np.prod(shape)).reshape(shape))


def test_nearest():
    y = mx.nd.UpSampling(small(1, 1, 2, 2), scale=2, sample_type="nearest")
    assert y.asnumpy().tolist() == [[[[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]]]


def test_bilinear():
    y = mx.nd.UpSampling(small(1, 1, 2, 2), mx.nd.ones((1, 1, 4, 4)), scale=2, num_filter=1, sample_type="bilinear")
    assert y.asnumpy().tolist() == [[[[0, 1, 1, 1], [2, 6, 6, 4], [2, 6, 6, 4], [2, 5, 5, 3]]]]


def test_several_inputs():
    images = mx.nd.ones((1, 2, 2, 2)), mx.nd.ones((1, 2, 4, 4))
    assert mx.nd.UpSampling(*images, scale=2, sample_type="nearest").shape == (1, 4, 4, 4)
    total = mx.nd.UpSampling(*images, scale=2, sample_type="nearest", multi_input_mode="sum")
    assert total.asnumpy().tolist() == np.full((1, 2, 4, 4), 2).tolist()


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        ([(1, 2, 2, 3)], {"scale": 3, "sample_type": "nearest"}),
        ([(1, 1, 2, 2), (1, 2, 4, 4)], {"scale": 2, "sample_type": "nearest"}),
        ([(1, 2, 2, 2), (1, 2, 4, 4)], {"scale": 2, "sample_type": "nearest", "multi_input_mode": "sum"}),
        ([(1, 2, 3, 3), (2, 1, 5, 5)], {"scale": 3, "sample_type": "bilinear", "num_filter": 2}),
    ],
)
def test_gradient(shapes, options):
    random = np.random.default_rng(1)
    inputs = [mx.nd.array(random.uniform(-1, 1, shape), dtype="float64") for shape in shapes]
    for array in inputs:
        array.attach_grad()
    with mx.autograd.record():
        y = mx.nd.UpSampling(*inputs, **options)
    head = random.uniform(-1, 1, y.shape)
    y.backward(mx.nd.array(head, dtype="float64"))
    for array in inputs:
        values, direction = array.asnumpy(), random.uniform(-1, 1, array.shape)
        ends = []
        for step in (1e-3, -1e-3):
            array[:] = mx.nd.array(values + step * direction, dtype="float64")
            ends.append((mx.nd.UpSampling(*inputs, **options).asnumpy() * head).sum())
        array[:] = mx.nd.array(values, dtype="float64")
        assert (ends[0] - ends[1]) / 2e-3 == pytest.approx((array.grad.asnumpy() * direction).sum(), rel=1e-6)


def test_bilinear_without_a_weight():
    with pytest.raises(mx.MXNetError, match="the inputs data and weight"):
        mx.nd.UpSampling(small(1, 1, 2, 2), scale=2, sample_type="bilinear", num_filter=1)
