"""Contrib and image operators: what MXNet's numbers do not show."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError

RNG = np.random.default_rng(4)


def test_the_fourier_transform_is_numpys():
    data = RNG.normal(size=(2, 3, 6)).astype("float32")
    expected = np.fft.fft(data)
    found = mx.nd.contrib.fft(mx.nd.array(data))
    np.testing.assert_allclose(found.asnumpy()[..., ::2], expected.real, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.asnumpy()[..., 1::2], expected.imag, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mx.nd.contrib.ifft(found).asnumpy() / 6, data, rtol=1e-4, atol=1e-5)


def test_a_count_sketch_adds_signed_values():
    x, h, s = [[1.2, 2.5, 3.4], [3.2, 5.7, 6.6]], [[0, 3, 0]], [[1, -1, 1]]
    found = mx.nd.contrib.count_sketch(mx.nd.array(x), mx.nd.array(h), mx.nd.array(s), out_dim=5)
    np.testing.assert_allclose(found.asnumpy(), [[4.6, 0, 0, -2.5, 0], [9.8, 0, 0, -5.7, 0]], rtol=1e-6)
    with pytest.raises(ArgumentError, match=r"h in \[0, 3\)"):
        mx.nd.contrib.count_sketch(mx.nd.array(x), mx.nd.array(h), mx.nd.array(s), out_dim=3)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mask_selects_and_its_gradient_returns(axis):
    data = mx.nd.array(np.arange(6).reshape(2, 3))
    mask = [0, 1] if axis == 0 else [1, 0, 2]
    data.attach_grad()
    with mx.autograd.record():
        found = mx.nd.contrib.boolean_mask(data, mx.nd.array(mask), axis=axis)
    np.testing.assert_array_equal(found.asnumpy(), np.compress(mask, data.asnumpy(), axis=axis))
    found.backward()
    expected = np.broadcast_to(np.array(mask, bool).reshape(-1, 1) if axis == 0 else np.array(mask, bool), (2, 3))
    np.testing.assert_array_equal(data.grad.asnumpy(), expected)
    with pytest.raises(ArgumentError, match="mask of shape"):
        mx.nd.contrib.boolean_mask(data, mx.nd.ones(4), axis=axis)


def test_ctc_sums_over_all_alignments():
    scores = RNG.normal(size=(4, 1, 3)).astype("float64")
    log_p = scores[:, 0] - np.log(np.exp(scores[:, 0]).sum(axis=1, keepdims=True))
    total = sum(
        np.exp(sum(log_p[step, state] for step, state in enumerate(path)))
        for path in np.ndindex(3, 3, 3, 3)
        if _collapsed(path) == [1, 2]
    )
    loss = mx.nd.ctc_loss(mx.nd.array(scores, dtype="float64"), mx.nd.array([[1, 2]]))
    np.testing.assert_allclose(loss.asnumpy(), [-np.log(total)], rtol=1e-10)


def _collapsed(path):
    kept = [state for place, state in enumerate(path) if place == 0 or path[place - 1] != state]
    return [state for state in kept if state]


def test_ctc_refuses_lengths_and_labels_that_do_not_fit():
    data, label = mx.nd.zeros((4, 1, 3)), mx.nd.array([[1, 2]])
    with pytest.raises(ArgumentError, match="data_lengths from 1 to 4"):
        mx.nd.ctc_loss(data, label, mx.nd.array([5]), use_data_lengths=True)
    with pytest.raises(ArgumentError, match=r"labels in \[0, 3\)"):
        mx.nd.ctc_loss(data, mx.nd.array([[1, 3]]))


def test_attention_by_parts_is_attention_at_once():
    heads, size = 2, 3
    projections = mx.nd.array(RNG.normal(size=(4, 2, heads * 3 * size)))
    split = projections.asnumpy().reshape(4, 2, heads, 3, size)
    queries, keys, values = (split[:, :, :, part] for part in range(3))
    scores = np.einsum("qbhs,kbhs->bhqk", queries, keys).reshape(-1, 4, 4) / np.sqrt(size)
    found = mx.nd.contrib.interleaved_matmul_selfatt_qk(projections, heads=heads)
    np.testing.assert_allclose(found.asnumpy(), scores, rtol=1e-4, atol=1e-5)
    mixed = mx.nd.contrib.interleaved_matmul_selfatt_valatt(projections, found, heads=heads)
    expected = np.einsum("bhqk,kbhs->qbhs", scores.reshape(2, heads, 4, 4), values).reshape(4, 2, -1)
    np.testing.assert_allclose(mixed.asnumpy(), expected, rtol=1e-4, atol=1e-5)


def test_sync_batch_norm_is_batch_norm():
    data, gamma, beta = (mx.nd.array(RNG.normal(size=shape)) for shape in ((4, 3, 2), 3, 3))
    with mx.autograd.train_mode():
        states = [[mx.nd.zeros(3), mx.nd.ones(3)] for _ in range(2)]
        expected = mx.nd.BatchNorm(data, gamma, beta, *states[0], fix_gamma=False)
        found, mean, var = mx.nd.contrib.SyncBatchNorm(
            data, gamma, beta, *states[1], fix_gamma=False, output_mean_var=True, key="layer"
        )
    np.testing.assert_array_equal(found.asnumpy(), expected.asnumpy())
    np.testing.assert_allclose(mean.asnumpy(), data.asnumpy().mean(axis=(0, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(var.asnumpy(), data.asnumpy().var(axis=(0, 2)), rtol=1e-4)
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())
    with pytest.raises(ArgumentError, match="ndev=1"):
        mx.nd.contrib.SyncBatchNorm(data, gamma, beta, *states[0], ndev=2, key="layer")


def test_batch_norm_with_relu_has_no_negative_output():
    data = mx.nd.array(RNG.normal(size=(4, 3, 2)))
    others = [mx.nd.ones(3), mx.nd.zeros(3), mx.nd.zeros(3), mx.nd.ones(3)]
    expected = np.maximum(mx.nd.BatchNorm(data, *others).asnumpy(), 0)
    np.testing.assert_array_equal(mx.nd.contrib.BatchNormWithReLU(data, *others).asnumpy(), expected)


IMAGE = np.arange(24, dtype="uint8").reshape(2, 4, 3) * 10
JITTERS = {
    "random_brightness": {"min_factor": 0.5, "max_factor": 1.5},
    "random_contrast": {"min_factor": 0.5, "max_factor": 1.5},
    "random_saturation": {"min_factor": 0.5, "max_factor": 1.5},
    "random_hue": {"min_factor": 0.1, "max_factor": 0.9},
    "random_color_jitter": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.3},
    "random_lighting": {"alpha_std": 0.5},
}


@pytest.mark.parametrize("name", JITTERS)
def test_random_colours_follow_the_seed(name):
    results = []
    for seed in (1, 1, 2):
        mx.random.seed(seed)
        results.append(getattr(mx.nd.image, name)(mx.nd.array(IMAGE, dtype="uint8"), **JITTERS[name]).asnumpy())
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


def test_saturation_0_is_gray():
    gray = mx.nd.image.random_saturation(mx.nd.array(IMAGE, dtype="float32"), min_factor=0, max_factor=0).asnumpy()
    expected = IMAGE @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(gray, np.repeat(expected[..., None], 3, axis=2), rtol=1e-5)


@pytest.mark.parametrize("name", ["flip_left_right", "flip_top_bottom"])
def test_flips_happen_by_chance(name):
    flipped = getattr(mx.nd.image, name)(mx.nd.array(IMAGE, dtype="uint8")).asnumpy()
    np.testing.assert_array_equal(flipped, IMAGE[:, ::-1] if name == "flip_left_right" else IMAGE[::-1])
    mx.random.seed(3)
    results = [getattr(mx.nd.image, f"random_{name}")(mx.nd.array(IMAGE, dtype="uint8")).asnumpy() for _ in range(50)]
    count = sum((result == flipped).all() for result in results)
    assert 10 < count < 40
    assert all((result == flipped).all() or (result == IMAGE).all() for result in results)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda image: mx.nd.image.resize(image, size=(1, 2, 3)), "size"),
        (lambda image: mx.nd.image.resize(image, size=-3), "positive"),
        (lambda image: mx.nd.image.resize(image, size=3, interp=9), "interp"),
        (lambda image: mx.nd.image.crop(image, x=3, y=0, width=2, height=1), "window inside"),
        (lambda image: mx.nd.image.to_tensor(mx.nd.zeros((1, 1, 2, 2, 3))), r"\(H, W, C\)"),
        (lambda image: mx.nd.image.normalize(mx.nd.zeros((4, 2, 2))), "C 1 or 3"),
        (lambda image: mx.nd.image.normalize(mx.nd.zeros((3, 2, 2)), mean=(1, 2)), "mean of 1 or 3"),
        (lambda image: mx.nd.image.random_brightness(image, min_factor=2, max_factor=1), "min_factor"),
        (lambda image: mx.nd.image.flip_left_right(mx.nd.zeros((1, 2, 2, 3))), r"\(H, W, C\)"),
    ],
)
def test_wrong_images_are_refused(call, words):
    with pytest.raises(ArgumentError, match=words):
        call(mx.nd.array(IMAGE, dtype="uint8"))


def test_what_is_no_ordinary_number():
    data = mx.nd.array([1, np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(mx.nd.contrib.isnan(data).asnumpy(), [0, 1, 0, 0])
    np.testing.assert_array_equal(mx.nd.contrib.isinf(data).asnumpy(), [0, 0, 1, 1])
    np.testing.assert_array_equal(mx.nd.contrib.isfinite(data).asnumpy(), [1, 0, 0, 0])
    np.testing.assert_array_equal(mx.nd.contrib.isfinite(data.astype("int32") * 0).asnumpy(), [1, 1, 1, 1])


def test_quantization():
    """The values of MXNet 1.9.1 (but that it divides by 127.5, for 127, on the way back)."""
    data = mx.nd.array([[-3, -1, -0.01, 0, 0.01, 0.5, 1, 2, 5]])
    ends = mx.nd.array([-2.0]), mx.nd.array([3.0])
    small, low, high = mx.nd.contrib.quantize(data, *ends, out_type="int8")
    np.testing.assert_array_equal(small.asnumpy(), [[-127, -42, 0, 0, 0, 21, 42, 85, 127]])
    assert (small.dtype, low.asscalar(), high.asscalar()) == (np.int8, -3, 3)
    real = mx.nd.contrib.dequantize(small, low, high)
    np.testing.assert_allclose(real.asnumpy()[0, 1:8], data.asnumpy()[0, 1:8], atol=3 / 127 / 2)
    small, low, high = mx.nd.contrib.quantize(data, *ends)
    np.testing.assert_array_equal(small.asnumpy(), [[0, 0, 0, 0, 1, 42, 85, 170, 255]])
    assert (small.dtype, low.asscalar(), high.asscalar()) == (np.uint8, -2, 3)
    with pytest.raises(mx.MXNetError, match="min_range"):
        mx.nd.contrib.quantize(data, data, data)
