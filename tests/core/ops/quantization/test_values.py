"""Quantized operators give MXNet 1.9.1's numbers, but for its rounding, which is off by up to one step."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

C = nd.contrib
X = nd.array([-1.5, -0.2, 0, 0.3, 2.0, 0.6])


def i8(values):
    return nd.array(values, dtype="int8")


def u8(values):
    return nd.array(values, dtype="uint8")


def f(*values):
    return nd.array(values)


Z = nd.array([-1000, 0, 5, 300, 70000], dtype="int32")
WIDE = (f(-1010.0), f(1020.0))
LHS, RHS = i8([[1, -100]]), i8([[50, 100]])
ENDS = (f(-1.0), f(1.0), f(-2.0), f(1.5))
ENDS_WITH_BIAS = (*ENDS, f(-0.5), f(0.4))
W, B = i8([[1, -2, 3], [100, 0, -50]]), i8([10, -20])
IMAGE = np.arange(-8, 8).reshape(1, 1, 4, 4) * 7
POOLED = {"kernel": (2, 2), "stride": (2, 2)}
CALIB = {"min_calib_range": -2.0, "max_calib_range": 2.5}
STATISTICS = (f(1, 2), f(0.1, 0.2), f(0.3, -0.2), f(1.0, 0.5))

# name: call, first output, its dtype, the ends of its range, and how far MXNet's own rounding is off
CASES = {
    "quantize_v2": (lambda: C.quantize_v2(X), [-96, -13, 0, 19, 127, 38], "int8", (-2, 2), 1),
    "quantize_v2 uint8": (
        lambda: C.quantize_v2(X, out_type="uint8"),
        [0, 0, 0, 38, 255, 77],
        "uint8",
        (-1.5, 2),
        1,
    ),
    "quantize_v2 calibrated": (
        lambda: C.quantize_v2(X, min_calib_range=-1.0, max_calib_range=1.5),
        [-128, -17, 0, 26, 127, 51],
        "int8",
        (-1.5, 1.5),
        1,
    ),
    "quantize_v2 auto": (
        lambda: C.quantize_v2(X.abs(), out_type="auto", min_calib_range=0.0, max_calib_range=1.5),
        [255, 34, 0, 51, 255, 102],
        "uint8",
        (0, 1.5),
        1,
    ),
    "quantize_v2 of integers": (
        lambda: C.quantize_v2(i8([1, -3]), min_calib_range=-1.0, max_calib_range=1.5),
        [1, -3],
        "int8",
        (-1, 1.5),
        0,
    ),
    "requantize": (lambda: C.requantize(Z, *WIDE), [-2, 0, 0, 1, 127], "int8", (-0.033248216, 0.033248216), 1),
    "requantize calibrated": (
        lambda: C.requantize(Z, *WIDE, min_calib_range=-0.0001, max_calib_range=0.0002),
        [-128, 0, 2, 90, 127],
        "int8",
        (-0.0002, 0.0002),
        1,
    ),
    "requantize uint8": (
        lambda: C.requantize(Z, *WIDE, out_type="auto", min_calib_range=0.0, max_calib_range=0.0002),
        [0, 0, 3, 182, 255],
        "uint8",
        (0, 0.0002),
        1,
    ),
    "act": (lambda: C.quantized_act(i8([[1, -100, 3]]), f(-1), f(2), act_type="relu"), [[1, 0, 3]], "int8", (-1, 2), 0),
    "flatten": (
        lambda: C.quantized_flatten(i8(np.arange(8).reshape(2, 2, 2)), f(-1), f(2)),
        [[0, 1, 2, 3], [4, 5, 6, 7]],
        "int8",
        (-1, 2),
        0,
    ),
    "concat": (
        lambda: C.quantized_concat(LHS, RHS, *ENDS, dim=1, num_args=2),
        [[0, -50, 50, 100]],
        "int8",
        (-2, 1.5),
        0,
    ),
    "concat of both types": (
        lambda: C.quantized_concat(u8([[1, 200]]), i8([[50, -20]]), f(0), f(-1), f(1), f(1.5), dim=1, num_args=2),
        [[0, 67, 50, -20]],
        "int8",
        (0, 1.5),
        1,
    ),
    "add": (
        lambda: C.quantized_elemwise_add(LHS, RHS, *ENDS),
        [[567048000, 561433664]],
        "int32",
        (-3, 3),
        3e6,
    ),
    "add uint8": (
        lambda: C.quantized_elemwise_add(u8([[1, 100]]), u8([[50, 100]]), f(0), f(1), f(0), f(1.5)),
        [[255512736, 840502400]],
        "int32",
        (-2.5, 2.5),
        2e6,
    ),
    "add calibrated": (lambda: C.quantized_elemwise_add(LHS, RHS, *ENDS, **CALIB), [[40, 40]], "int8", (-2, 2.5), 1),
    "embedding": (
        lambda: C.quantized_embedding(f(1, 0), i8([[1, 2], [3, -4]]), f(-1), f(2), input_dim=2, output_dim=2),
        [[3, -4], [1, 2]],
        "int8",
        (-1, 2),
        0,
    ),
    "fully connected": (
        lambda: C.quantized_fully_connected(i8([[1, 2, -3], [100, 50, -120]]), W, B, *ENDS_WITH_BIAS, num_hidden=2),
        [[306, -387], [-42, 15363]],
        "int32",
        (-266288.5, 266288.5),
        2,
    ),
    "fully connected uint8": (
        lambda: C.quantized_fully_connected(
            u8([[1, 2, 3], [100, 50, 220]]), W, B, f(0), *ENDS_WITH_BIAS[1:], num_hidden=2
        ),
        [[644, -1327], [1298, -2277]],
        "int32",
        (-132622.125, 132622.125),
        2,
    ),
    "pooling max": (
        lambda: C.quantized_pooling(i8(IMAGE), f(-1), f(2), pool_type="max", **POOLED),
        [[[[-21, -7], [35, 49]]]],
        "int8",
        (-1, 2),
        0,
    ),
    "pooling avg": (
        lambda: C.quantized_pooling(i8(IMAGE), f(-1), f(2), pool_type="avg", **POOLED),
        [[[[-38, -24], [18, 32]]]],
        "int8",
        (-1, 2),
        0,
    ),
    "batch norm": (
        lambda: C.quantized_batch_norm(
            i8([[[[10, -20]], [[100, 50]]]]), *STATISTICS, f(-1), f(2), min_calib_range=-3.0, max_calib_range=2.0
        ),
        [[[[-2, -22]], [[127, 127]]]],
        "int8",
        (-3, 2),
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_gives_the_numbers_of_mxnet(name):
    call, expected, dtype, ends, off = CASES[name]
    output, low, high = call()
    assert output.dtype == np.dtype(dtype)
    np.testing.assert_allclose(output.asnumpy().astype(np.int64), expected, rtol=0, atol=off)
    np.testing.assert_allclose([low.asscalar(), high.asscalar()], ends, rtol=1e-5)


def test_convolution_stands_for_the_real_one():
    rng = np.random.default_rng(0)
    data, weight, bias = rng.uniform(0, 1, (2, 3, 5, 5)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=4)
    real = nd.Convolution(nd.array(data), nd.array(weight), nd.array(bias), kernel=(3, 3), num_filter=4)
    quantized = [C.quantize_v2(nd.array(data), out_type="uint8"), *(C.quantize_v2(nd.array(a)) for a in (weight, bias))]
    arrays = [part[0] for part in quantized]
    ends = [end for part in quantized for end in part[1:]]
    output, _, high = C.quantized_conv(*arrays, *ends, kernel=(3, 3), num_filter=4)
    assert output.dtype == np.int32
    found = output.asnumpy() * (high.asscalar() / (2**31 - 1))
    np.testing.assert_allclose(found, real.asnumpy(), atol=0.1)


def test_products():
    product, _, high = C.quantized_elemwise_mul(LHS, RHS, *ENDS)
    assert product.asnumpy().tolist() == [[50, -10000]]
    real = product.asnumpy() * (high.asscalar() / (2**31 - 1))
    in_floats = C.quantized_elemwise_mul(LHS, RHS, *ENDS, enable_float_output=True)
    np.testing.assert_allclose(in_floats.asnumpy(), real, rtol=1e-5)
    calibrated, *_ = C.quantized_elemwise_mul(LHS, RHS, *ENDS, **CALIB)
    np.testing.assert_allclose(calibrated.asnumpy() * (2.5 / 127), real, atol=0.02)


def test_asymmetric_quantization_and_rnn():
    integers, scale, shift = C.quantize_asym(X)
    assert integers.dtype == np.uint8
    np.testing.assert_allclose((integers.asnumpy() - shift.asnumpy()) / scale.asnumpy(), X.asnumpy(), atol=0.01)
    rng = np.random.default_rng(1)
    data, parameters = rng.uniform(-1, 1, (4, 2, 3)), rng.uniform(-1, 1, 4 * 2 * (3 + 2 + 2))
    states = [nd.zeros((1, 2, 2)), nd.zeros((1, 2, 2))]
    form = {"state_size": 2, "num_layers": 1, "mode": "lstm", "state_outputs": True}
    real = nd.RNN(nd.array(data), nd.array(parameters), *states, **form)
    integers, scale, shift = C.quantize_asym(nd.array(data))
    for found, wished in zip(
        C.quantized_rnn(integers, nd.array(parameters), *states, scale, shift, **form), real, strict=True
    ):
        np.testing.assert_allclose(found.asnumpy(), wished.asnumpy(), atol=0.01)


def test_the_threshold_of_a_histogram():
    values = np.random.RandomState(0).normal(size=20000)
    hist, edges = np.histogram(values, bins=8001, range=(-5, 5))
    threshold, divergence = C.calibrate_entropy(nd.array(hist), nd.array(edges), num_quantized_bins=255)
    assert threshold.asscalar() == pytest.approx(3.457692861557007)
    assert divergence.asscalar() == pytest.approx(0.06913940608501434, rel=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: C.quantized_act(X, f(-1), f(2), act_type="relu"), "int8 or uint8"),
        (lambda: C.quantized_act(LHS, f(-1), f(2), act_type="tanh"), "relu"),
        (lambda: C.quantized_act(LHS, f(-1, 0), f(2), act_type="relu"), r"\(1,\)"),
        (lambda: C.quantized_pooling(i8(IMAGE), f(-1), f(2), pool_type="sum", **POOLED), "'sum'"),
        (lambda: C.quantized_batch_norm(i8(np.zeros((1, 2, 1, 1))), *STATISTICS, f(-1), f(2)), "min_calib_range"),
        (lambda: C.quantize_v2(X, min_calib_range=1.0), "none or both"),
        (lambda: C.quantize_v2(X, min_calib_range=1.0, max_calib_range=0.0), "<="),
        (lambda: C.quantize_v2(nd.array([])), "empty"),
        (lambda: C.quantized_concat(LHS, RHS, num_args=2), "quantized_concat"),
        (lambda: C.calibrate_entropy(nd.ones((10,)), nd.ones((11,)), num_quantized_bins=5), "odd number"),
        (lambda: C.calibrate_entropy(nd.ones((11,)), nd.ones((11,)), num_quantized_bins=5), "one edge more"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(mx.MXNetError, match=message):
        call()


def test_symbols_list_what_mxnet_lists():
    v = mx.sym.var("v")
    fully = mx.sym.contrib.quantized_fully_connected(v, num_hidden=4, name="fc")
    names = ("weight", "bias", "min_data", "max_data", "min_weight", "max_weight", "min_bias", "max_bias")
    assert fully.list_arguments() == ["v", *(f"fc_{name}" for name in names)]
    assert fully.list_outputs() == ["fc_output", "fc_min_output", "fc_max_output"]
    assert fully.infer_shape(v=(2, 3))[0] == [(2, 3), (4, 3), (4,), *[(1,)] * 6]
    norm = mx.sym.contrib.quantized_batch_norm(v, name="bn")
    assert norm.list_arguments() == ["v", "bn_gamma", "bn_beta", "bn_min_data", "bn_max_data"]
    assert norm.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    joined = mx.sym.contrib.quantized_concat(mx.sym.var("a"), mx.sym.var("b"), num_args=2, name="c")
    assert joined.list_arguments() == ["a", "b", "c_arg0_min", "c_arg0_max", "c_arg1_min", "c_arg1_max"]


def test_states_in_the_middle_of_the_inputs_survive_json():
    norm = mx.sym.contrib.quantized_batch_norm(mx.sym.var("v"), name="bn", min_calib_range=-1.0, max_calib_range=1.0)
    text = norm.tojson()
    again = mx.sym.load_json(text)
    assert again.tojson() == text
    assert again.list_arguments() == norm.list_arguments()
    assert again.list_auxiliary_states() == norm.list_auxiliary_states()
    order = mx.sym.load_json(text).get_internals().list_outputs()
    assert order.index("bn_moving_mean") < order.index("bn_output")
