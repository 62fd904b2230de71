"""Codecs: MXNet's 2-bit codes bit for bit, error bounds, residuals, and what servers refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mxtrain as mx
from mxtrain_kvstore.compression.codec import Codec
from mxtrain_kvstore.compression.feedback import compress, quantize
from mxtrain_kvstore.compression.parameters import CODECS, codec_of, read_params

ALL = [CODECS[name]() for name in CODECS]
#: What MXNet 1.9.1 pulled after each of four pushes of the same gradient, with threshold 0.5 (dist_sync, one worker).
GRADIENT = [0.4, 0.5, 0.6, -0.5, -0.7, 1.6, -0.1]
MXNET = [
    [0.0, 0.5, 0.5, -0.5, -0.5, 0.5, 0.0],
    [0.5, 0.5, 0.5, -0.5, -0.5, 0.5, 0.0],
    [0.5, 0.5, 0.5, -0.5, -0.5, 0.5, 0.0],
    [0.5, 0.5, 0.5, -0.5, -0.5, 0.5, 0.0],
]
#: The same on `device` with two copies, the second twice the first.
MXNET_TWO_COPIES = [
    [0.5, 1.0, 1.0, -1.0, -1.0, 1.0, 0.0],
    [1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 0.0],
    [1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -0.5],
    [1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 0.0],
]
floats = st.floats(-1e4, 1e4, width=32)
gradients = hnp.arrays(np.float32, st.integers(1, 200), elements=floats)


def test_two_bit_has_the_layout_of_mxnet() -> None:
    # 11 for 0.5 and more, 10 for -0.5 and less, the first value in the highest bits; 16 values are one float32
    values = np.array([0.5, -0.5, 0.4, 2, -3, 0, 0, 0, 0.7, 0.7], np.float32)
    code = CODECS["2bit"](0.5).encode(values)
    assert [f"{byte:08b}" for byte in code] == ["11100011", "10000000", "11110000", "00000000"]
    assert CODECS["2bit"]().encoded_size(17) == 8


def test_two_bit_residuals_are_those_of_mxnet() -> None:
    codec, residual = CODECS["2bit"](0.5), np.zeros(7, np.float32)
    for expected in MXNET:
        code = compress(codec, np.array(GRADIENT, np.float32), residual)
        assert codec.decode(code, 7).tolist() == expected


def test_copies_of_devices_are_those_of_mxnet() -> None:
    kv = mx.kv.create("device")
    kv.set_gradient_compression({"type": "2bit", "threshold": 0.5})
    kv.init("a", mx.nd.zeros((7,)))
    for expected in MXNET_TWO_COPIES:
        kv.push("a", [mx.nd.array(GRADIENT, ctx=mx.cpu(device)) * (device + 1) for device in range(2)])
        out = mx.nd.zeros((7,))
        kv.pull("a", out)
        assert out.asnumpy().tolist() == expected


def test_a_device_store_takes_sparse_values_as_they_are_and_refuses_other_dtypes() -> None:
    kv = mx.kv.create("device")
    kv.set_gradient_compression({"type": "2bit"})
    kv.init("r", mx.nd.zeros((3, 2)).tostype("row_sparse"))
    kv.push("r", [mx.nd.full((3, 2), 0.25).tostype("row_sparse")] * 2)
    out = mx.nd.zeros((3, 2))
    kv.pull("r", out, ignore_sparse=False)
    assert out.asnumpy().tolist() == [[0.5, 0.5]] * 3
    kv.init("h", mx.nd.zeros((3,), dtype="float16"))
    with pytest.raises(mx.MXNetError, match="only supported for float32"):
        kv.push("h", mx.nd.zeros((3,), dtype="float16"))


@pytest.mark.parametrize("codec", ALL, ids=lambda codec: codec.name)
@given(values=gradients)
def test_a_code_has_its_size_and_is_stable(codec: Codec, values: np.ndarray) -> None:
    code = codec.encode(values)
    assert (code.dtype, code.size) == (np.uint8, codec.encoded_size(values.size))
    decoded = codec.decode(code, values.size)
    assert (decoded.dtype, decoded.shape) == (np.float32, values.shape)
    if codec.name in ("fp16", "bf16", "topk"):
        np.testing.assert_array_equal(codec.decode(codec.encode(decoded), values.size), decoded)


@given(values=gradients)
def test_errors_are_bounded(values: np.ndarray) -> None:
    size = np.abs(values)
    for name, bound in (("fp16", 2.0**-11 * size + 2.0**-25), ("bf16", 2.0**-8 * size + 1e-40), ("topk", size)):
        codec = CODECS[name]()
        assert (np.abs(codec.decode(codec.encode(values), values.size) - values) <= bound).all(), name
    two_bit = CODECS["2bit"](0.5)
    error = np.abs(two_bit.decode(two_bit.encode(values), values.size) - values)
    assert (error <= np.maximum(size - 0.5, 0.5)).all()


@given(values=gradients, ratio=st.floats(0.001, 1))
def test_top_k_sends_the_largest(values: np.ndarray, ratio: float) -> None:
    codec = CODECS["topk"](ratio)
    decoded = codec.decode(codec.encode(values), values.size)
    left = np.where(decoded == 0, np.abs(values), 0)
    sent = np.abs(decoded[decoded != 0])
    assert sent.size <= codec.kept(values.size)
    assert not sent.size or left.max() <= sent.min()


steps = hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 40)), elements=st.integers(-64, 64))


@pytest.mark.parametrize("codec", ALL, ids=lambda codec: codec.name)
@given(pushes=steps)
def test_nothing_is_lost(codec: Codec, pushes: np.ndarray) -> None:
    pushes = pushes / 16  # sums of these are exact
    residual = np.zeros(pushes.shape[1], np.float32)
    arrived = np.zeros(pushes.shape[1], np.float32)
    for gradient in pushes:
        arrived += codec.decode(compress(codec, gradient, residual), gradient.size)
    np.testing.assert_array_equal(arrived + residual, pushes.sum(axis=0))


@pytest.mark.parametrize("codec", ALL, ids=lambda codec: codec.name)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1 << 30), size=st.sampled_from([1, 31, 65_536, 65_537, 150_001]))
def test_quantized_values_are_what_a_receiver_decodes(codec: Codec, seed: int, size: int) -> None:
    gradient = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    residual, other = np.zeros(size, np.float32), np.zeros(size, np.float32)
    decoded = codec.decode(compress(codec, gradient, residual), size)
    quantize(codec, gradient, other)
    np.testing.assert_array_equal(gradient, decoded)
    np.testing.assert_array_equal(residual, other)


@pytest.mark.parametrize("codec", ALL, ids=lambda codec: codec.name)
def test_an_overflow_does_not_come_back(codec: Codec) -> None:
    residual = np.zeros(4, np.float32)
    compress(codec, np.array([np.inf, -np.inf, np.nan, 1], np.float32), residual)
    assert np.isfinite(residual).all()


def test_top_k_refuses_places_that_do_not_exist() -> None:
    codec = CODECS["topk"](0.5)
    code = codec.encode(np.arange(4, dtype=np.float32))
    for places in ([0, 4], [1, 1], [2, 1]):
        wrong = code.copy()
        wrong[:8] = np.array(places, "<u4").view(np.uint8)
        with pytest.raises(mx.MXNetError, match="ascending places below 4"):
            codec.decode(wrong, 4)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("2bit", "as a dict"),
        ({}, "Unknown type"),
        ({"type": "none"}, "Unknown type for gradient compression"),
        ({"type": ["2bit"]}, "Unknown type"),
        ({"type": "2bit", "threshold": 0}, "threshold must be greater than 0"),
        ({"type": "2bit", "threshold": float("nan")}, "threshold must be greater than 0"),
        ({"type": "2bit", "threshold": "a"}, "a number as threshold"),
        ({"type": "fp16", "threshold": 1}, "threshold too"),
        ({"type": "topk", "ratio": 1.5}, "at most 1"),
        ({"type": "fp16", "pull": "2bit"}, "pull as one of fp16, bf16"),
    ],
)
def test_wrong_parameters(params: object, words: str) -> None:
    with pytest.raises(mx.MXNetError, match=words):
        mx.kv.create("device").set_gradient_compression(params)
    with pytest.raises(mx.MXNetError, match=words):
        read_params(params)


def test_a_local_store_sends_nothing() -> None:
    with pytest.raises(mx.MXNetError, match="not supported for KVStore type 'local'"):
        mx.kv.create("local").set_gradient_compression({"type": "2bit"})


def test_codecs_of_messages() -> None:
    assert codec_of("", 0.0) is None
    assert codec_of("2bit", 0.25).form == ["2bit", 0.25]
    with pytest.raises(mx.MXNetError, match="Expected: a codec"):
        codec_of("zip", 0.0)
