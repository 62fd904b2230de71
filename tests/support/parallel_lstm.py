"""A language model of stacked LSTM layers whose layers carry groups, as in MXNet's example of model parallelism."""

import numpy as np

import mxtrain as mx

NUM_WORDS, NUM_HIDDEN, NUM_STEPS, NUM_LAYERS = 11, 6, 4, 2
GROUPS = ("embed", *(f"layer{i}" for i in range(NUM_LAYERS)), "decode")


def lstm_step(data, state, parameters, name):
    """One step of one layer; returns hidden state and cell."""
    i2h = mx.sym.FullyConnected(data, parameters["i2h_weight"], parameters["i2h_bias"], num_hidden=4 * NUM_HIDDEN)
    h2h = mx.sym.FullyConnected(state[0], parameters["h2h_weight"], parameters["h2h_bias"], num_hidden=4 * NUM_HIDDEN)
    gates = mx.sym.SliceChannel(i2h + h2h, num_outputs=4, name=f"{name}_slice")
    open_in, keep, value, open_out = (
        mx.sym.Activation(gate, act_type="tanh" if i == 2 else "sigmoid") for i, gate in enumerate(gates)
    )
    cell = keep * state[1] + open_in * value
    return open_out * mx.sym.tanh(cell), cell


def parallel_lstm(dropout=0.0):
    """The unrolled network; `data` and `softmax_label` are (batch, NUM_STEPS)."""
    with mx.AttrScope(ctx_group="embed"):
        embedded = mx.sym.Embedding(mx.sym.var("data"), input_dim=NUM_WORDS, output_dim=NUM_HIDDEN, name="embed")
        words = mx.sym.SliceChannel(embedded, num_outputs=NUM_STEPS, axis=1, squeeze_axis=True)
    layers = []
    for layer in range(NUM_LAYERS):
        with mx.AttrScope(ctx_group=f"layer{layer}"):
            names = ("i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias")
            parameters = {name: mx.sym.var(f"l{layer}_{name}") for name in names}
            states = mx.sym.var(f"l{layer}_init_h"), mx.sym.var(f"l{layer}_init_c")
            layers.append((parameters, states))
    hidden = []
    for step in range(NUM_STEPS):
        value = words[step]
        for layer, (parameters, state) in enumerate(layers):
            with mx.AttrScope(ctx_group=f"layer{layer}"):
                state = lstm_step(value, state, parameters, f"t{step}_l{layer}")
                value = mx.sym.Dropout(state[0], p=dropout) if dropout else state[0]
            layers[layer] = parameters, state
        hidden.append(value)
    with mx.AttrScope(ctx_group="decode"):
        joined = mx.sym.Concat(*hidden, dim=0)
        scores = mx.sym.FullyConnected(joined, num_hidden=NUM_WORDS, name="decode")
        label = mx.sym.Reshape(mx.sym.transpose(mx.sym.var("softmax_label")), shape=(-1,))
        return mx.sym.SoftmaxOutput(scores, label, name="softmax")


def shapes(batch):
    """Shapes of all inputs that are no parameters."""
    states = {f"l{layer}_init_{kind}": (batch, NUM_HIDDEN) for layer in range(NUM_LAYERS) for kind in "hc"}
    return {"data": (batch, NUM_STEPS), "softmax_label": (batch, NUM_STEPS), **states}


def values(symbol, batch):
    """Random values for all arguments, as NumPy arrays by name."""
    random = np.random.RandomState(2)
    given = shapes(batch)
    found, _, _ = symbol.infer_shape(**given)
    arrays = {name: random.randn(*shape) * 0.5 for name, shape in zip(symbol.list_arguments(), found, strict=True)}
    for name in ("data", "softmax_label"):
        arrays[name] = random.randint(0, NUM_WORDS, given[name]).astype(float)
    return arrays
