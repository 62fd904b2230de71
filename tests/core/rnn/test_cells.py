"""Recurrent cells of symbols: names and structure as MXNet 1.9.1 has them, values against the operator RNN."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import rnn


def nodes_of(symbol):
    """Names of all operators but those that count through the process."""
    return [output.name for output in symbol.get_internals() if not output.name.startswith(("_", "activation"))]


def test_names_of_a_step_are_those_of_mxnet():
    x = mx.sym.Variable("x")
    cell = rnn.LSTMCell(3, prefix="a_")
    output, states = cell(x, cell.begin_state())
    assert list(dict.fromkeys(nodes_of(output))) == [
        *("x", "a_i2h_weight", "a_i2h_bias", "a_t0_i2h", "a_begin_state_0", "a_h2h_weight", "a_h2h_bias", "a_t0_h2h"),
        *("a_t0_slice", "a_t0_o", "a_t0_f", "a_begin_state_1", "a_t0_i", "a_t0_c", "a_t0_state", "a_t0_out"),
    ]
    assert states[0] is output
    assert cell.state_info == [{"shape": (0, 3), "__layout__": "NC"}] * 2
    assert output.attr_dict()["a_i2h_bias"]["__init__"] == '["lstmbias", {"forget_bias": 1.0}]'
    cell = rnn.GRUCell(3, prefix="a_")
    output, _ = cell(x, cell.begin_state())
    assert list(dict.fromkeys(nodes_of(output))) == [
        *("x", "a_i2h_weight", "a_i2h_bias", "a_t0__i2h", "a_t0__i2h_slice", "a_begin_state_0", "a_h2h_weight"),
        *("a_h2h_bias", "a_t0__h2h", "a_t0__h2h_slice", "a_t0__z_act", "a_t0__r_act", "a_t0__h_act", "a_t0_out"),
    ]


@pytest.mark.parametrize("mode", ["rnn_relu", "rnn_tanh", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_fused_network_equals_single_cells(mode, bidirectional):
    fused = rnn.FusedRNNCell(4, num_layers=2, mode=mode, bidirectional=bidirectional, prefix="net_")
    data = mx.sym.Variable("data")
    whole, _ = fused.unroll(3, data, layout="NTC", merge_outputs=True)
    stack = fused.unfuse()
    single, _ = stack.unroll(3, data, layout="NTC", merge_outputs=True)
    random = np.random.RandomState(3)
    shapes, _, _ = whole.infer_shape(data=(2, 3, 5))
    args = {
        name: mx.nd.array(random.uniform(-0.5, 0.5, shape))
        for name, shape in zip(whole.list_arguments(), shapes, strict=True)
    }
    expected = whole.bind(mx.cpu(), args).forward()[0].asnumpy()
    by_gate = fused.unpack_weights(args)
    packed = stack.pack_weights(by_gate)
    found = single.bind(mx.cpu(), {name: packed[name] for name in single.list_arguments()}).forward()[0].asnumpy()
    assert found.shape == (2, 3, 8 if bidirectional else 4)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    again = fused.pack_weights(stack.unpack_weights(packed))
    np.testing.assert_array_equal(again["net_parameters"].asnumpy(), args["net_parameters"].asnumpy())


def test_final_states_of_a_fused_network():
    cell = rnn.FusedRNNCell(3, mode="lstm", get_next_state=True, prefix="f_")
    outputs, states = cell.unroll(2, [mx.sym.Variable("a"), mx.sym.Variable("b")], merge_outputs=False)
    assert len(outputs) == len(states) == 2
    shapes = mx.sym.Group([*outputs, *states]).infer_shape(a=(5, 4), b=(5, 4))[1]
    assert shapes == [(5, 3), (5, 3), (1, 5, 3), (1, 5, 3)]


def test_zoneout_keeps_some_of_the_step_before():
    cell = rnn.ZoneoutCell(rnn.RNNCell(50, prefix="r_"), zoneout_outputs=0.5)
    steps = [mx.sym.Variable(f"t{i}") for i in range(2)]
    outputs, _ = cell.unroll(2, steps)
    symbol = mx.sym.Group(outputs)
    shapes, _, _ = symbol.infer_shape(t0=(4, 3), t1=(4, 3))
    args = {n: mx.nd.random.uniform(0.5, 1, s) for n, s in zip(symbol.list_arguments(), shapes, strict=True)}
    first, second = (y.asnumpy() for y in symbol.bind(mx.cpu(), args).forward(is_train=True))
    assert 0.2 < (first == 0).mean() < 0.8
    assert 0.05 < (first == second).mean() < 0.8


def test_residual_adds_the_inputs():
    cell = rnn.ResidualCell(rnn.GRUCell(2, prefix="g_"))
    outputs, _ = cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    shapes, _, _ = outputs.infer_shape(x=(1, 2, 2))
    args = {n: mx.nd.zeros(s) for n, s in zip(outputs.list_arguments(), shapes, strict=True)}
    args["x"][:] = 3
    np.testing.assert_array_equal(outputs.bind(mx.cpu(), args).forward()[0].asnumpy(), np.full((1, 2, 2), 3))


def test_wrong_use_is_named():
    cell = rnn.LSTMCell(3)
    with pytest.raises(mx.MXNetError, match=r"3 steps. Received: 2"):
        cell.unroll(3, [mx.sym.Variable("a"), mx.sym.Variable("b")])
    with pytest.raises(mx.MXNetError, match="NCT"):
        cell.unroll(3, mx.sym.Variable("a"), layout="NCT")
    with pytest.raises(mx.MXNetError, match="mode"):
        rnn.FusedRNNCell(3, mode="lstmm")
    with pytest.raises(mx.MXNetError, match="odd"):
        rnn.ConvRNNCell((1, 1, 4, 4), 2, h2h_kernel=(2, 2))
    inner = rnn.RNNCell(2)
    rnn.ResidualCell(inner)
    with pytest.raises(mx.MXNetError, match="modifies"):
        inner.begin_state()
    with pytest.raises(mx.MXNetError, match="unfuse"):
        rnn.ZoneoutCell(rnn.FusedRNNCell(2))
    fused = rnn.FusedRNNCell(2, mode="gru", prefix="f_")
    with pytest.raises(mx.MXNetError, match=r"Received: 7"):
        fused.unpack_weights({"f_parameters": mx.nd.zeros(7)})
