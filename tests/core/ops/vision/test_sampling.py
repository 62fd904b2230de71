"""Operators that sample feature maps: what MXNet's numbers do not show."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError, ArgumentTypeError

RNG = np.random.default_rng(3)
ROIS = [[-1, 0, 0, 3, 3], [0, 0, 0, 3, 3]]


def random_array(*shape):
    return mx.nd.array(RNG.uniform(-1, 1, shape))


@pytest.mark.parametrize(
    "pool",
    [
        lambda data, rois: mx.nd.contrib.ROIAlign(data, rois, pooled_size=(2, 2), spatial_scale=1),
        lambda data, rois: mx.nd.ROIPooling(data, rois, pooled_size=(2, 2), spatial_scale=1),
        lambda data, rois: mx.nd.contrib.PSROIPooling(data, rois, spatial_scale=1, output_dim=1, pooled_size=2),
        lambda data, rois: mx.nd.contrib.RROIAlign(
            data, mx.nd.concat(rois, mx.nd.zeros((2, 1)), dim=1), pooled_size=(2, 2), spatial_scale=1
        ),
        lambda data, rois: mx.nd.contrib.DeformablePSROIPooling(
            data, rois, spatial_scale=1, output_dim=1, group_size=2, pooled_size=2, no_trans=True
        ),
    ],
)
def test_regions_of_no_image_give_zero(pool):
    data = random_array(1, 4, 6, 6) + 3
    data.attach_grad()
    with mx.autograd.record():
        result = pool(data, mx.nd.array(ROIS))
        of_no_image = result[0:1]
    assert not result.asnumpy()[0].any()
    assert result.asnumpy()[1].all()
    of_no_image.backward()
    assert not data.grad.asnumpy().any()


def test_no_regions_give_no_output():
    data, none = random_array(1, 4, 4, 4), {"pooled_size": (2, 2), "spatial_scale": 1}
    assert mx.nd.contrib.ROIAlign(data, mx.nd.array(np.zeros((0, 5))), **none).shape == (0, 4, 2, 2)
    assert mx.nd.contrib.RROIAlign(data, mx.nd.array(np.zeros((0, 6))), **none).shape == (0, 4, 2, 2)
    assert mx.nd.ROIPooling(data, mx.nd.array(np.zeros((0, 5))), **none).shape == (0, 4, 2, 2)


def test_points_that_are_no_numbers_lie_outside():
    grid = mx.nd.array([[[[0, np.nan, np.inf]], [[0, 0, 0]]]])
    found = mx.nd.BilinearSampler(mx.nd.ones((1, 1, 3, 3)), grid).asnumpy()
    np.testing.assert_array_equal(found, [[[[1, 0, 0]]]])
    rois = mx.nd.array([[0, np.nan, 0, 2, 2]])
    found = mx.nd.contrib.ROIAlign(mx.nd.ones((1, 1, 3, 3)), rois, pooled_size=(1, 1), spatial_scale=1)
    np.testing.assert_array_equal(found.asnumpy(), [[[[0]]]])


def test_a_region_of_a_missing_image_is_refused():
    with pytest.raises(ArgumentError, match=r"images in \[0, 1\)"):
        mx.nd.ROIPooling(random_array(1, 1, 4, 4), mx.nd.array([[1, 0, 0, 2, 2]]), pooled_size=(1, 1), spatial_scale=1)


def test_many_regions_are_pooled_in_blocks(monkeypatch):
    data, rois = random_array(2, 3, 8, 8), mx.nd.array([[i % 2, 0, i % 5, 5, 7] for i in range(20)])
    whole = mx.nd.contrib.ROIAlign(data, rois, pooled_size=(3, 3), spatial_scale=1).asnumpy()
    monkeypatch.setattr("mxtrain.ops.vision.regions._BLOCK_ELEMENTS", 500)
    blocks = mx.nd.contrib.ROIAlign(data, rois, pooled_size=(3, 3), spatial_scale=1).asnumpy()
    np.testing.assert_allclose(blocks, whole, rtol=1e-5, atol=1e-6)


def test_deformable_convolution_without_offsets_is_a_convolution():
    data, weight, bias = random_array(2, 4, 6, 5), random_array(6, 2, 3, 3), random_array(6)
    form = {"kernel": (3, 3), "num_filter": 6, "num_group": 2, "stride": (2, 1), "dilate": (1, 2), "pad": (1, 2)}
    expected = mx.nd.Convolution(data, weight, bias, **form).asnumpy()
    offset = mx.nd.zeros((2, 36, *expected.shape[2:]))
    found = mx.nd.contrib.DeformableConvolution(data, offset, weight, bias, num_deformable_group=2, **form)
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-4, atol=1e-5)
    mask = mx.nd.full((2, 18, *expected.shape[2:]), 0.5)
    found = mx.nd.contrib.ModulatedDeformableConvolution(
        data, offset, mask, weight, no_bias=True, num_deformable_group=2, **form
    )
    halved = (expected - bias.asnumpy()[:, None, None]) / 2
    np.testing.assert_allclose(found.asnumpy(), halved, rtol=1e-4, atol=1e-5)


def test_whole_offsets_move_the_taps():
    data, weight = random_array(1, 1, 5, 5), mx.nd.ones((1, 1, 1, 1))
    offset = mx.nd.zeros((1, 2, 5, 5))
    offset[0, 0], offset[0, 1] = 1, -1
    form = {"kernel": (1, 1), "num_filter": 1, "no_bias": True}
    expected = np.zeros((5, 5), "float32")
    expected[:4, 1:] = data.asnumpy()[0, 0, 1:, :4]
    for found in (
        mx.nd.contrib.DeformableConvolution(data, offset, weight, **form),
        mx.nd.contrib.ModulatedDeformableConvolution(data, offset, mx.nd.ones((1, 1, 5, 5)), weight, **form),
    ):
        np.testing.assert_allclose(found.asnumpy()[0, 0], expected, rtol=1e-6)


def test_the_identity_grid_gives_the_image_back():
    data = random_array(2, 3, 4, 5)
    identity = mx.nd.array([[1, 0, 0, 0, 1, 0]] * 2)
    moved = mx.nd.SpatialTransformer(
        data, identity, target_shape=(4, 5), transform_type="affine", sampler_type="bilinear"
    )
    np.testing.assert_allclose(moved.asnumpy(), data.asnumpy(), rtol=1e-4, atol=1e-5)
    grid = mx.nd.GridGenerator(mx.nd.zeros((2, 2, 4, 5)), transform_type="warp")
    np.testing.assert_allclose(mx.nd.BilinearSampler(data, grid).asnumpy(), data.asnumpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_resizing_in_every_dtype(dtype):
    data = random_array(1, 2, 4, 6).astype(dtype)
    assert mx.nd.contrib.BilinearResize2D(data, height=3, width=9).dtype == np.dtype(dtype)
    mean = mx.nd.contrib.AdaptiveAvgPooling2D(data)
    np.testing.assert_allclose(mean.asnumpy()[..., 0, 0], data.asnumpy().mean(axis=(2, 3)), rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: mx.nd.contrib.AdaptiveAvgPooling2D(x, output_size=(1, 2, 3)), "output_size"),
        (lambda x: mx.nd.contrib.BilinearResize2D(x, height=0, width=2), "positive height"),
        (lambda x: mx.nd.contrib.BilinearResize2D(x, mode="odd_scale"), "scale_height"),
        (lambda x: mx.nd.BilinearSampler(x, mx.nd.zeros((1, 3, 2, 2))), "grid|2"),
        (lambda x: mx.nd.Correlation(x, x, kernel_size=2), "odd kernel_size"),
        (lambda x: mx.nd.contrib.AdaptiveAvgPooling2D(x.astype("int32")), "a floating dtype"),
        (lambda x: mx.nd.contrib.BilinearResize2D(x.astype("uint8"), height=2, width=2), "a floating dtype"),
        (lambda x: mx.nd.Correlation(x, x, max_displacement=4), "max_displacement"),
        (lambda x: mx.nd.Crop(x, h_w=(9, 9), num_args=1), "window inside"),
        (lambda x: mx.nd.contrib.ROIAlign(x, mx.nd.zeros((1, 4)), pooled_size=(1, 1), spatial_scale=1), "5"),
    ],
)
def test_wrong_inputs_are_named(call, words):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=words):
        call(random_array(1, 2, 4, 4))
