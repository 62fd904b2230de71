"""RNN with a projection gives what MXNet 1.9.1's LSTMPCell, step by step, gave."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd

STEPS, BATCH, FEATURES, SIZE, PROJECTION, LAYERS = 3, 2, 2, 3, 2, 2
EXPECTED = {
    "output": [
        [[-0.061768, 0.254505], [-0.07417, 0.243782]],
        [[-0.000692, -0.020179], [-0.005787, -0.022367]],
        [[-0.011639, -0.037125], [-0.006426, -0.053287]],
    ],
    "state": [
        [[-0.123227, -0.025017], [-0.053696, -0.102882]],
        [[-0.011639, -0.037125], [-0.006426, -0.053287]],
    ],
    "cell": [
        [[-0.076378, 0.05255, 0.178578], [0.123973, 0.168468, 0.296674]],
        [[-0.122402, -0.036081, 0.423656], [-0.09116, -0.049519, 0.457905]],
    ],
    "by_data": [
        [[3.7e-05, 0.018085], [0.017759, 0.043258]],
        [[-0.002087, 0.022352], [0.058916, 0.007294]],
        [[-0.136232, 0.170759], [0.129292, 0.004136]],
    ],
    "by_projections": [
        [[0.043429, -0.013066, -0.016869], [-0.014666, 0.009165, -0.011775]],
        [[0.106116, -0.027698, 0.099616], [-0.232676, 0.09349, -0.463955]],
    ],
}


def inputs():
    """Data, packed parameters and initial states: the random numbers that MXNet was given."""
    rng = np.random.RandomState(7)
    data = rng.uniform(-1, 1, (STEPS, BATCH, FEATURES))
    shapes = ((4 * SIZE, FEATURES), (4 * SIZE, PROJECTION), (PROJECTION, SIZE), (4 * SIZE,), (4 * SIZE,))
    layers = [[rng.uniform(-1, 1, shape) for shape in shapes] for _ in range(LAYERS)]
    state = np.stack([rng.uniform(-1, 1, (BATCH, PROJECTION)) for _ in range(LAYERS)])
    cell = np.stack([rng.uniform(-1, 1, (BATCH, SIZE)) for _ in range(LAYERS)])
    matrices = [part.ravel() for layer in layers for part in layer[:3]]
    biases = [part for layer in layers for part in layer[3:]]
    return data, np.concatenate([*matrices, *biases]), state, cell


def test_values_and_gradients():
    arrays = [nd.array(array) for array in inputs()]
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        output, state, cell = nd.RNN(
            *arrays, mode="lstm", state_size=SIZE, num_layers=LAYERS, projection_size=PROJECTION, state_outputs=True
        )
        loss = (output * output).sum() + (state * state).sum() + (cell * cell).sum()
    loss.backward()
    for name, found in (("output", output), ("state", state), ("cell", cell), ("by_data", arrays[0].grad)):
        np.testing.assert_allclose(found.asnumpy(), EXPECTED[name], atol=2e-6)
    per_layer = 4 * SIZE * (FEATURES + PROJECTION) + PROJECTION * SIZE
    for layer, wished in enumerate(EXPECTED["by_projections"]):
        end = (layer + 1) * per_layer
        found = arrays[1].grad.asnumpy()[end - PROJECTION * SIZE : end].reshape(PROJECTION, SIZE)
        np.testing.assert_allclose(found, wished, atol=2e-6)


def test_shapes_are_those_of_mxnet():
    names = [mx.sym.var(name) for name in "dpsc"]
    symbol = mx.sym.RNN(
        *names, state_size=4, num_layers=2, mode="lstm", projection_size=3, bidirectional=True, state_outputs=True
    )
    assert symbol.infer_shape(d=(5, 2, 6)) == (
        [(5, 2, 6), (752,), (4, 2, 3), (4, 2, 4)],
        [(5, 2, 6), (4, 2, 3), (4, 2, 4)],
        [],
    )


@pytest.mark.parametrize("options", [{"mode": "gru", "projection_size": 2}, {"mode": "lstm", "projection_size": 0}])
def test_impossible_projections_are_refused(options):
    cell = {"state_cell": nd.zeros((1, 2, 3))} if options["mode"] == "lstm" else {}
    with pytest.raises(mx.MXNetError, match=r"RNN.*projection_size"):
        nd.RNN(nd.ones((3, 2, 2)), nd.ones((63,)), nd.zeros((1, 2, 3)), **cell, state_size=3, num_layers=1, **options)
