"""Initializers against facts of MXNet 1.9.1, and the statistics of random ones."""

import json
import logging

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import MXNetError
from mxtrain.ndarray import serialization

init = mx.init


_FUSED_RNN = (
    '["fusedrnn", {"init": "[\\"one\\", {}]", "num_hidden": 10, "num_layers": 2, "mode": "lstm", '
    '"bidirectional": false, "forget_bias": 1.0}]'
)


def _filled(initializer, name="x_weight", shape=(4, 3), attrs=None, dtype="float32"):
    array = mx.nd.full(shape, 9, dtype=dtype)
    initializer(init.InitDesc(name, attrs), array)
    return array.asnumpy()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fc_weight", 5), ("weight", 5), ("fc_bias", 0), ("bn_gamma", 1), ("bn_beta", 0), ("x_min", 0), ("x_max", 1),
        ("bn_moving_mean", 0), ("bn_running_mean", 0), ("bn_moving_var", 1), ("bn_running_var", 1),
    ],
)  # fmt: skip
def test_the_name_decides(name, value):
    assert (_filled(init.Constant(5), name) == value).all()


@pytest.mark.parametrize("name", ["foo", "lstm_parameters", "x_lambda"])
def test_a_name_without_a_rule_is_an_error(name):
    with pytest.raises(ValueError, match=f"Unknown initialization pattern for {name}") as caught:
        _filled(init.One(), name)
    assert isinstance(caught.value, MXNetError)


def test_the_attribute_goes_before_the_name():
    assert (_filled(init.Zero(), "foo", attrs={"__init__": init.One().dumps()}) == 1).all()
    assert (_filled(init.Zero(), "fc_bias", attrs={"__init__": "one"}) == 1).all()


def test_plain_names_work_with_a_warning():
    array = mx.nd.zeros((2,))
    with pytest.warns(DeprecationWarning, match="InitDesc"):
        init.One()("fc_weight", array)
    assert array.asnumpy().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("initializer", "text"),
    [
        (init.Zero(), '["zero", {}]'),
        (init.One(), '["one", {}]'),
        (init.Constant(1), '["constant", {"value": 1}]'),
        (init.Uniform(), '["uniform", {"scale": 0.07}]'),
        (init.Normal(), '["normal", {"sigma": 0.01}]'),
        (init.Orthogonal(), '["orthogonal", {"scale": 1.414, "rand_type": "uniform"}]'),
        (init.Xavier(), '["xavier", {"rnd_type": "uniform", "factor_type": "avg", "magnitude": 3}]'),
        (init.MSRAPrelu(), '["msraprelu", {"factor_type": "avg", "slope": 0.25}]'),
        (init.Bilinear(), '["bilinear", {}]'),
        (init.LSTMBias(), '["lstmbias", {"forget_bias": 1.0}]'),
        (
            init.FusedRNN(init.One(), 10, 2, "lstm"),
            _FUSED_RNN,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_json_text_is_that_of_mxnet(initializer, text):
    assert initializer.dumps() == text
    assert init.create(text) == initializer


def test_equality():
    assert init.Xavier() == init.Xavier()
    assert init.Xavier() != init.Xavier(magnitude=2)
    assert init.Zero() != init.One()


def test_constants_may_be_arrays():
    values = [[1.0, 2.0], [3.0, 4.0]]
    for source in (mx.nd.array(values), np.array(values)):
        constant = init.Constant(source)
        assert _filled(constant, shape=(2, 2)).tolist() == values
        assert json.loads(constant.dumps()) == ["constant", {"value": values}]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("initializer", "shape", "deviation", "bound"),
    [
        (init.Uniform(0.5), (200, 300), 0.5 / np.sqrt(3), 0.5),
        (init.Normal(0.2), (200, 300), 0.2, None),
        # the figures of MXNet 1.9.1 for Xavier of magnitude 2 on (200, 100, 3, 3)
        (init.Xavier("uniform", "avg", 2), (200, 100, 3, 3), 0.0222264, 0.0384901),
        (init.Xavier("gaussian", "in", 2), (200, 100, 3, 3), 0.0471404, None),
        (init.Xavier("uniform", "out", 2), (200, 100, 3, 3), 0.0192450, 0.0333333),
        (init.MSRAPrelu(), (200, 300), np.sqrt(2 / (1 + 0.25**2) / 250), None),
    ],
)
def test_random_weights_have_the_stated_size(initializer, shape, deviation, bound, dtype):
    mx.random.seed(7)
    values = _filled(initializer, shape=shape, dtype=dtype)
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert abs(values.mean()) < 0.02 * deviation
    if bound is not None:
        assert 0.99 * bound < np.abs(values).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("initializer", [init.Uniform(), init.Normal(), init.Xavier(), init.Orthogonal()])
def test_seeds_decide_random_weights(initializer):
    drawn = []
    for seed in (3, 3, 4):
        mx.random.seed(seed)
        drawn.append(_filled(initializer))
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()


@pytest.mark.parametrize("rand_type", ["uniform", "normal"])
@pytest.mark.parametrize("shape", [(4, 3, 2), (4, 3), (5, 5)])
def test_orthogonal_weights(shape, rand_type):
    matrix = _filled(init.Orthogonal(rand_type=rand_type), shape=shape).reshape(shape[0], -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix @ matrix.T, 1.414**2 * np.eye(len(matrix)), atol=1e-5)


def test_bilinear_weights():
    line = np.array([[0.25, 0.75, 0.75, 0.25]])
    values = _filled(init.Bilinear(), shape=(2, 1, 4, 4))
    assert (values == line * line.T).all()
    array = mx.nd.empty((1, 1, 4, 4))
    init.Bilinear()._init_weight(None, array)
    assert (array.asnumpy()[0, 0] == line * line.T).all()


def test_lstm_bias_serves_the_forget_gate():
    values = _filled(init.Zero(), "i2h_bias", (8,), {"__init__": init.LSTMBias(3.0).dumps()})
    assert values.tolist() == [0, 0, 3, 3, 0, 0, 0, 0]


@init.register
class _Named(init.Initializer):
    """Writes the number of values of each part that it is given."""

    def _init_weight(self, name, arr):
        arr[:] = arr.size


@pytest.mark.parametrize(
    ("mode", "bidirectional", "weights"),
    [
        ("lstm", True, ([15] * 60 + [9] * 36) * 2 + ([18] * 72 + [9] * 36) * 2),
        ("gru", False, [15] * 45 + [9] * 27 + [9] * 27 + [9] * 27),
        ("rnn_tanh", False, [15] * 15 + [9] * 9 + [9] * 9 + [9] * 9),
    ],
)
def test_fused_rnn_initializes_each_part(mode, bidirectional, weights):
    # the layout that MXNet's FusedRNNCell(3, num_layers=2).unpack_weights shows for 5 inputs
    gates = {"lstm": 4, "gru": 3, "rnn_tanh": 1}[mode]
    directions = 2 if bidirectional else 1
    biases = ([0, 0, 0, 7, 7, 7] + [0] * 6) * 4 * directions if mode == "lstm" else [0] * 3 * gates * 4
    fused = init.FusedRNN(_Named(), 3, 2, mode, bidirectional, forget_bias=7.0)
    values = _filled(init.Zero(), "parameters", (len(weights) + len(biases),), {"__init__": fused.dumps()})
    assert values.tolist() == weights + biases


def test_fused_rnn_falls_back_to_the_models_initializer():
    fused = init.FusedRNN(None, 3, 1, "gru")
    size = 9 * (5 + 3 + 2)
    values = _filled(init.Constant(2), "parameters", (size,), {"__init__": fused.dumps()})
    assert values.tolist() == [2] * 72 + [0] * 18
    with pytest.raises(MXNetError, match=f"{size + 1} values"):
        _filled(init.One(), "parameters", (size + 1,), {"__init__": fused.dumps()})
    with pytest.raises(MXNetError, match="Received: None"):
        fused._init_weight("parameters", mx.nd.zeros((size,)))


def test_load_takes_what_is_there(tmp_path, caplog):
    path = str(tmp_path / "x.params")
    serialization.save(path, {"arg:a_weight": mx.nd.ones((2,)), "aux:b": mx.nd.full((3,), 2)})
    load = init.Load(path, default_init=init.Zero(), verbose=True)
    array, other = mx.nd.zeros((2,)), mx.nd.ones((2,))
    with caplog.at_level(logging.INFO):
        load("a_weight", array)
        load(init.InitDesc("c_weight"), other)
    assert (array.asnumpy().tolist(), other.asnumpy().tolist()) == ([1, 1], [0, 0])
    assert [r.getMessage() for r in caplog.records] == [
        "Initialized a_weight by loading",
        "Initialized c_weight by default",
    ]
    with pytest.raises(ValueError, match=r"Parameter b .*target \(2,\) vs loaded \(3,\)"):
        load("b", array)
    with pytest.raises(ValueError, match="Cannot Initialize zz"):
        init.Load({})("zz", array)
    with pytest.raises(ValueError, match="named parameters"):
        init.Load([array])


def test_mixed_takes_the_first_pattern():
    mixed = init.Mixed(["fc", ".*"], [init.Constant(3), init.One()])
    assert (_filled(mixed, "fc_weight") == 3).all()
    assert (_filled(mixed, "conv_weight") == 1).all()
    with pytest.raises(ValueError, match="did not match any pattern"):
        _filled(init.Mixed(["fc"], [init.Zero()]), "x_weight")
    with pytest.raises(ValueError, match="1 initializers"):
        init.Mixed(["fc"], [])


def test_verbosity_logs_each_parameter(caplog):
    with caplog.at_level(logging.INFO):
        _filled(init.One().set_verbosity(True), "z_weight")
        _filled(init.One().set_verbosity(True, lambda array: "stat"), "z_weight")
    assert [record.getMessage() for record in caplog.records] == [
        "Initialized z_weight as weight: 1.0",
        "Initialized z_weight as weight: stat",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _filled(init.Xavier(), "x_weight", (3,)), "cannot be applied to vector x_weight"),
        (lambda: _filled(init.Xavier("x")), "Unknown random type"),
        (lambda: _filled(init.Xavier("uniform", "z")), "Incorrect factor type"),
        (lambda: _filled(init.Orthogonal(rand_type="z")), "rand_type"),
        (lambda: _filled(init.Bilinear()), "4 axes"),
        (lambda: init.FusedRNN(None, 3, 1, "transformer"), "a mode of"),
        (lambda: init.One()(3, mx.nd.zeros((1,))), "InitDesc"),
        (lambda: init.create("nope"), "Expected: one of the initializers"),
        (lambda: _filled(init.Zero(), attrs={"__init__": "nope"}), "'nope'"),
    ],
)
def test_wrong_use_is_named(make, message):
    with pytest.raises(MXNetError, match=message):
        make()
