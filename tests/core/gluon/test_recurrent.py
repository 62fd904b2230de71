"""Recurrent cells and layers beyond single steps: sequences of different lengths, modifiers, fused against unrolled."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import autograd, nd
from mxtrain.gluon import rnn


def filled(block):
    """Parameters with fixed numbers."""
    block.initialize()
    for number, parameter in enumerate(block.collect_params().values()):
        size = int(np.prod(parameter.shape))
        parameter.set_data(nd.array(np.cos(np.arange(size) + number).reshape(parameter.shape)))
    return block


INPUTS = nd.array(np.random.RandomState(0).uniform(-1, 1, (2, 4, 3)))
LENGTHS = nd.array([2, 4])
# outputs and states that MXNet 1.9.1 gives
LSTM = [
    [[0.08726, 0.00071], [0.07213, 0.01262], [0, 0], [0, 0]],
    [[0.14013, -0.00051], [0.00556, 0.12844], [0.19121, 0.00578], [0.1709, 0.01112]],
]
LSTM_STATES = [[[0.07213, 0.01262], [0.1709, 0.01112]], [[0.26465, 0.09472], [0.43523, 0.14094]]]
BOTH = [
    [[0.45955, 0.05935, 0.9897, 0.79806], [0.62931, 0.15285, 0.95557, 0.40736], [0, 0, 0, 0], [0, 0, 0, 0]],
    [
        [0.3584, 0.02449, 0.90524, 0.97015],
        [-0.34733, 0.06633, 0.9981, 0.18181],
        [0.14127, -0.277, 0.99692, 0.59856],
        [0.57166, -0.14857, 0.95078, 0.5076],
    ],
]
BOTH_STATES = [[[0.62931, 0.15285], [0.57166, -0.14857]], [[0.9897, 0.79806], [0.90524, 0.97015]]]


class TestLengths:
    @pytest.mark.parametrize(
        ("make", "outputs", "states"),
        [
            (lambda: rnn.LSTMCell(2, input_size=3), LSTM, LSTM_STATES),
            (
                lambda: rnn.BidirectionalCell(rnn.GRUCell(2, input_size=3), rnn.RNNCell(2, input_size=3)),
                BOTH,
                BOTH_STATES,
            ),
        ],
    )
    def test_as_in_mxnet(self, make, outputs, states):
        found, found_states = filled(make()).unroll(4, INPUTS, merge_outputs=True, valid_length=LENGTHS)
        np.testing.assert_allclose(found.asnumpy(), outputs, atol=2e-5)
        for state, expected in zip(found_states, states, strict=True):
            np.testing.assert_allclose(state.asnumpy(), expected, atol=2e-5)

    def test_what_lies_behind_the_end_does_not_matter(self):
        cell = filled(rnn.GRUCell(2, input_size=3))
        changed = INPUTS.copy()
        changed[0, 2:] = 100
        one, other = (cell.unroll(4, data, merge_outputs=True, valid_length=LENGTHS) for data in (INPUTS, changed))
        assert (one[0].asnumpy() == other[0].asnumpy()).all()
        assert (one[1][0].asnumpy() == other[1][0].asnumpy()).all()


@pytest.mark.parametrize("layout", ["TNC", "NTC"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_a_layer_equals_its_cells(kind, bidirectional, layout):
    make = {"rnn": rnn.RNN, "lstm": rnn.LSTM, "gru": rnn.GRU}[kind]
    layer = filled(make(3, 2, layout=layout, bidirectional=bidirectional, input_size=4))
    cells = layer._unfuse()
    data = nd.array(np.random.RandomState(1).uniform(-1, 1, (2, 5, 4) if layout == "NTC" else (5, 2, 4)))
    results = []
    for run in (lambda: layer(data), lambda: cells.unroll(5, data, layout=layout, merge_outputs=True)[0]):
        layer.collect_params().zero_grad()
        with autograd.record():
            out = run()
        out.backward()
        results.append([out.asnumpy(), *(p.grad().asnumpy() for p in layer.collect_params().values())])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


class TestLayers:
    def test_states(self):
        layer = filled(rnn.LSTM(3, 2, bidirectional=True, input_size=4))
        assert [info["shape"] for info in layer.state_info(5)] == [(4, 5, 3)] * 2
        data = nd.ones((6, 5, 4))
        out, (h, c) = layer(data, layer.begin_state(5))
        assert (out.shape, h.shape, c.shape) == ((6, 5, 6), (4, 5, 3), (4, 5, 3))
        np.testing.assert_allclose(layer(data).asnumpy(), out.asnumpy(), rtol=1e-5)
        with pytest.raises(ValueError, match=r"Expecting \(4, 5, 3\), got \(4, 6, 3\)"):
            layer(data, layer.begin_state(6))

    def test_the_input_size_is_found_out(self):
        for hybridize in (False, True):
            layer = rnn.GRU(3, 2, bidirectional=True)
            layer.initialize()
            layer.hybridize(hybridize)
            layer(nd.ones((2, 1, 7)))
            assert {layer.l0_i2h_weight.shape, layer.r0_i2h_weight.shape} == {(9, 7)}
        with pytest.raises(AssertionError, match="rank-3"):
            rnn.GRU(3).infer_shape(nd.ones((2, 3)))

    def test_casting(self):
        layer = rnn.GRU(3, input_size=4)
        layer.cast("float64")
        layer.initialize()
        assert layer(nd.ones((2, 1, 4), dtype="float64")).dtype == np.float64

    def test_projections_and_clipping_have_no_cells(self):
        for options in ({"projection_size": 2}, {"state_clip_min": -1, "state_clip_max": 1}):
            with pytest.raises(AssertionError, match="_unfuse does not support"):
                rnn.LSTM(3, **options)._unfuse()

    def test_dropout_stands_between_the_layers(self):
        names = [type(cell).__name__ for cell in rnn.LSTM(3, 2, dropout=0.5)._unfuse()]
        assert names == ["LSTMCell", "DropoutCell", "LSTMCell"]


class TestModifiers:
    def test_zoneout_keeps_what_was(self):
        cell = rnn.ZoneoutCell(filled(rnn.RNNCell(50, input_size=3)), zoneout_outputs=0.5, zoneout_states=0.5)
        with autograd.train_mode():
            outputs, states = cell.unroll(2, nd.ones((2, 2, 3)), merge_outputs=False)
        kept = outputs[1].asnumpy() == outputs[0].asnumpy()
        assert 0 < kept.mean() < 1
        assert (outputs[0].asnumpy() == 0).any()
        plain, _ = cell.unroll(2, nd.ones((2, 2, 3)), merge_outputs=False)
        assert (plain[0].asnumpy() != 0).all()
        assert states[0].shape == (2, 50)

    def test_dropout(self):
        cell = rnn.DropoutCell(0.5)
        with autograd.train_mode():
            merged, _ = cell.unroll(3, nd.ones((2, 3, 4)), merge_outputs=True)
            steps, _ = cell.unroll(3, [nd.ones((2, 4))] * 3)
        assert set(np.unique(merged.asnumpy())) == {0, 2}
        assert [step.shape for step in steps] == [(2, 4)] * 3

    def test_a_modified_cell_is_not_called_by_itself(self):
        cell = rnn.RNNCell(3)
        rnn.ResidualCell(cell)
        with pytest.raises(AssertionError, match="cannot be called directly"):
            cell.begin_state(2)
        with pytest.raises(AssertionError, match="already modified"):
            rnn.ZoneoutCell(cell)

    def test_bidirectional_cells_have_no_single_steps(self):
        both = rnn.BidirectionalCell(rnn.RNNCell(3), rnn.RNNCell(3))
        with pytest.raises(NotImplementedError, match="use unroll"):
            both(nd.ones((1, 3)), [])
        with pytest.raises(AssertionError, match="doesn't support zoneout"):
            rnn.ZoneoutCell(both)
        stack = rnn.SequentialRNNCell()
        stack.add(both)
        with pytest.raises(AssertionError, match="cannot be stepped"):
            stack(nd.ones((1, 3)), stack.begin_state(1))


class TestSequences:
    def test_lists_and_arrays(self):
        cell = filled(rnn.RNNCell(2, input_size=3))
        steps = [INPUTS[:, t] for t in range(4)]
        merged, _ = cell.unroll(4, INPUTS, merge_outputs=True)
        from_list, _ = cell.unroll(4, steps, merge_outputs=True)
        as_list, _ = cell.unroll(4, nd.swapaxes(INPUTS, 0, 1), layout="TNC", merge_outputs=False)
        assert (merged.asnumpy() == from_list.asnumpy()).all()
        assert (nd.stack(*as_list, axis=1).asnumpy() == merged.asnumpy()).all()

    @pytest.mark.parametrize(
        ("length", "inputs", "message"),
        [
            (3, [nd.ones((1, 3))] * 2, "sequence of 3 steps"),
            (3, nd.ones((1, 2, 3)), "sequence of 3 steps along axis 1"),
            (3, None, "inputs=None"),
            (2, mx.sym.Group([mx.sym.var("a"), mx.sym.var("b")]), "grouped symbol"),
        ],
    )
    def test_what_does_not_fit(self, length, inputs, message):
        cell = filled(rnn.RNNCell(2, input_size=3))
        with pytest.raises(AssertionError, match=message):
            cell.unroll(length, inputs)
