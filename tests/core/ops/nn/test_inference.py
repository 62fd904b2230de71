"""Shapes and dtypes of the layers' arguments follow from the data, and the data's from the rest where they can."""

import numpy as np
import pytest

import mxtrain as mx


def shapes_of(symbol, **known):
    arguments, outputs, states = symbol.infer_shape_partial(**known)
    found = dict(zip(symbol.list_arguments(), arguments, strict=True))
    found |= dict(zip(symbol.list_auxiliary_states(), states, strict=True))
    return found, outputs


DATA = mx.sym.var("data")
LAYERS = [
    (mx.sym.FullyConnected(DATA, num_hidden=4, name="l"), (2, 3, 5), {"l_weight": (4, 15), "l_bias": (4,)}, (2, 4)),
    (
        mx.sym.FullyConnected(DATA, num_hidden=4, flatten=False, no_bias=True, name="l"),
        (2, 3, 5),
        {"l_weight": (4, 5)},
        (2, 3, 4),
    ),
    (
        mx.sym.Convolution(DATA, kernel=(3, 3), num_filter=6, num_group=2, stride=(2, 2), pad=(1, 1), name="l"),
        (2, 4, 9, 8),
        {"l_weight": (6, 2, 3, 3), "l_bias": (6,)},
        (2, 6, 5, 4),
    ),
    (
        mx.sym.Deconvolution(
            DATA, kernel=(3, 3), num_filter=4, stride=(2, 2), pad=(1, 1), adj=(1, 1), num_group=2, name="l"
        ),
        (1, 6, 4, 4),
        {"l_weight": (6, 2, 3, 3)},
        (1, 4, 8, 8),
    ),
    (
        mx.sym.Deconvolution(DATA, kernel=(3, 3), num_filter=4, stride=(2, 2), target_shape=(9, 8), name="l"),
        (1, 6, 4, 4),
        {"l_weight": (6, 4, 3, 3)},
        (1, 4, 9, 8),
    ),
    (
        mx.sym.BatchNorm(DATA, name="l"),
        (2, 3, 4),
        {"l_gamma": (3,), "l_beta": (3,), "l_moving_mean": (3,), "l_moving_var": (3,)},
        (2, 3, 4),
    ),
    (mx.sym.LayerNorm(DATA, name="l"), (2, 3, 4), {"l_gamma": (4,), "l_beta": (4,)}, (2, 3, 4)),
    (mx.sym.GroupNorm(DATA, num_groups=2, name="l"), (2, 4, 4), {"l_gamma": (2,), "l_beta": (2,)}, (2, 4, 4)),
    (mx.sym.InstanceNorm(DATA, name="l"), (2, 3, 4), {"l_gamma": (3,), "l_beta": (3,)}, (2, 3, 4)),
    (mx.sym.LeakyReLU(DATA, act_type="prelu", name="l"), (2, 3, 4), {"l_gamma": (3,)}, (2, 3, 4)),
    (mx.sym.Embedding(DATA, input_dim=7, output_dim=5, name="l"), (2, 3), {"l_weight": (7, 5)}, (2, 3, 5)),
    (mx.sym.SoftmaxOutput(DATA, name="l"), (2, 3), {"l_label": (2,)}, (2, 3)),
    (mx.sym.SoftmaxOutput(DATA, multi_output=True, name="l"), (3, 4, 5, 6), {"l_label": (3, 30)}, (3, 4, 5, 6)),
    (mx.sym.SoftmaxOutput(DATA, preserve_shape=True, name="l"), (3, 4, 5), {"l_label": (3, 4)}, (3, 4, 5)),
    (mx.sym.LinearRegressionOutput(DATA, name="l"), (2, 1), {"l_label": (2,)}, (2, 1)),
    (mx.sym.MAERegressionOutput(DATA, name="l"), (2, 3), {"l_label": (2, 3)}, (2, 3)),
    (mx.sym.SVMOutput(DATA, name="l"), (2, 3, 4), {"l_label": (2, 3)}, (2, 3, 4)),
    (mx.sym.Pooling(DATA, global_pool=True, pool_type="avg"), (2, 3, 4, 5), {}, (2, 3, 1, 1)),
    (mx.sym.Pooling(DATA, kernel=(2, 2), stride=(2, 2), pooling_convention="full"), (1, 1, 5, 5), {}, (1, 1, 3, 3)),
    (mx.sym.Pooling(DATA, kernel=(2,), stride=(2,), pooling_convention="same"), (1, 1, 5), {}, (1, 1, 3)),
    (
        mx.sym.RNN(DATA, state_size=4, num_layers=2, mode="lstm", bidirectional=True, name="l"),
        (3, 2, 5),
        {"l_parameters": (800,), "l_state": (4, 2, 4), "l_state_cell": (4, 2, 4)},
        (3, 2, 8),
    ),
    (
        mx.sym.RNN(DATA, state_size=4, num_layers=2, mode="gru", name="l"),
        (3, 2, 5),
        {"l_parameters": (252,), "l_state": (2, 2, 4)},
        (3, 2, 4),
    ),
]


@pytest.mark.parametrize(("symbol", "data", "expected", "output"), LAYERS)
def test_arguments_from_data(symbol, data, expected, output):
    found, outputs = shapes_of(symbol, data=data)
    assert found == {"data": data, **expected}
    assert outputs[0] == output


@pytest.mark.parametrize(
    ("symbol", "output", "others", "data"),
    [
        (
            mx.sym.Convolution(DATA, kernel=(3, 3), num_filter=2, pad=(1, 0), name="l"),
            (7, 2, 4, 4),
            {"l_weight": (2, 5, 3, 3)},
            (7, 5, 4, 6),
        ),
        (
            mx.sym.FullyConnected(DATA, num_hidden=2, flatten=False, name="l"),
            (7, 3, 2),
            {"l_weight": (2, 5)},
            (7, 3, 5),
        ),
        (mx.sym.BatchNorm(DATA, name="l"), (2, 3, 4), {}, (2, 3, 4)),
        (mx.sym.Activation(DATA, act_type="relu"), (2, 3, 4), {}, (2, 3, 4)),
        (mx.sym.SoftmaxOutput(DATA, name="l"), (2, 3), {}, (2, 3)),
        (mx.sym.Dropout(DATA), (2, 3), {}, (2, 3)),
        (mx.sym.Embedding(DATA, input_dim=3, output_dim=4), (2, 5, 4), {}, (2, 5)),
    ],
)
def test_data_from_output(symbol, output, others, data):
    found, _ = shapes_of(mx.sym.elemwise_add(symbol, mx.sym.var("other")), other=output, **others)
    assert found["data"] == data


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (mx.sym.FullyConnected(DATA, num_hidden=2), [np.float16] * 3),
        (mx.sym.BatchNorm(DATA), [np.float16, np.float32, np.float32]),
        (mx.sym.LayerNorm(DATA), [np.float16] * 3),
    ],
)
def test_types_from_data(symbol, expected):
    arguments, outputs, states = symbol.infer_type(data="float16")
    assert arguments == expected
    assert outputs[0] == np.float16
    assert all(state == np.float32 for state in states)


def test_embedding_types():
    symbol = mx.sym.Embedding(DATA, input_dim=4, output_dim=2, dtype="float16")
    assert symbol.infer_type(data="int32") == ([np.int32, np.float16], [np.float16], [])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mx.nd.FullyConnected(mx.nd.ones((2, 3)), mx.nd.ones((4, 5)), num_hidden=4, no_bias=True), r"\(4, 3\)"),
        (
            lambda: mx.nd.FullyConnected(mx.nd.ones((2, 3)), mx.nd.ones((4, 3)), mx.nd.ones((1,)), num_hidden=4),
            "bias of shape",
        ),
        (
            lambda: mx.nd.FullyConnected(
                mx.nd.ones((2, 3)), mx.nd.ones((4, 3), dtype="float64"), num_hidden=4, no_bias=True
            ),
            "one dtype",
        ),
        (
            lambda: mx.nd.Convolution(
                mx.nd.ones((2, 3)), mx.nd.ones((4, 3, 3, 3)), kernel=(3, 3), num_filter=4, no_bias=True
            ),
            r"data.ndim == 4.*data.shape=\(2, 3\)",
        ),
        (
            lambda: mx.nd.Convolution(
                mx.nd.ones((2, 3, 2, 2)), mx.nd.ones((4, 3, 3, 3)), kernel=(3, 3), num_filter=4, no_bias=True
            ),
            "window of at most",
        ),
        (lambda: mx.nd.Pooling(mx.nd.ones((1, 1, 4, 4)), pool_type="avg"), "kernel"),
        (lambda: mx.nd.Pooling(mx.nd.ones((1, 1, 4, 4)), kernel=(2, 2), pad=(2, 2)), "pad smaller"),
        (lambda: mx.nd.Pooling(mx.nd.ones((1, 1, 4, 4)), kernel=(6, 6)), "window of at most"),
        (lambda: mx.nd.Pooling(mx.nd.ones((1, 1, 4, 4)), kernel=(2, 2), pool_type="lp"), "p_value"),
        (lambda: mx.nd.Activation(mx.nd.ones((1,)), act_type="relo"), "act_type"),
        (
            lambda: mx.nd.Convolution(
                mx.nd.ones((1, 4, 4, 3)),
                mx.nd.ones((2, 3, 3, 3)),
                kernel=(3, 3),
                num_filter=2,
                no_bias=True,
                layout="NHWC",
            ),
            "layout",
        ),
        (lambda: mx.nd.Dropout(mx.nd.ones((2,)), p=1.5), "p from 0 to 1"),
        (lambda: mx.nd.LRN(mx.nd.ones((1, 3, 2, 2)), nsize=4), "odd nsize"),
        (lambda: mx.nd.softmax(mx.nd.ones((2, 3)), mx.nd.ones((2,)), use_length=True), "integer dtype"),
        (lambda: mx.nd.LeakyReLU(mx.nd.ones((2, 3)), mx.nd.ones((2,)), act_type="prelu"), "gamma"),
    ],
)
def test_wrong_inputs(call, message):
    with pytest.raises(mx.MXNetError, match=message):
        call()
