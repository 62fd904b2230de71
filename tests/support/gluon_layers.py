"""Layers, cells and losses of Gluon to compare with what MXNet 1.9.1 makes of them.

`mx` is the package under test, or MXNet itself when the expected values were made. Each case has a name, a function
that makes a block, and the shapes of its inputs.
"""

import numpy as np


def layers(mx):
    nn = mx.gluon.nn
    image, sequence = (2, 4, 7, 8), (2, 4, 9)
    return {
        "dense": (lambda: nn.Dense(3), [(2, 4)]),
        "dense_last_axis": (
            lambda: nn.Dense(3, activation="relu", use_bias=False, flatten=False, in_units=5),
            [(2, 3, 5)],
        ),
        "conv1d": (lambda: nn.Conv1D(4, 3), [sequence]),
        "conv2d": (
            lambda: nn.Conv2D(4, 3, strides=2, padding=1, groups=2, in_channels=4, activation="sigmoid"),
            [image],
        ),
        "conv2d_dilated": (lambda: nn.Conv2D(4, (3, 2), dilation=2, use_bias=False), [image]),
        "conv3d": (lambda: nn.Conv3D(4, 3, in_channels=2), [(1, 2, 4, 5, 4)]),
        "conv1d_transpose": (lambda: nn.Conv1DTranspose(4, 3), [sequence]),
        "conv2d_transpose": (
            lambda: nn.Conv2DTranspose(4, 3, strides=2, padding=1, output_padding=1, in_channels=4, groups=2),
            [image],
        ),
        "conv3d_transpose": (lambda: nn.Conv3DTranspose(3, 3, in_channels=2, activation="tanh"), [(1, 2, 3, 3, 4)]),
        "max_pool1d": (nn.MaxPool1D, [sequence]),
        "max_pool2d": (lambda: nn.MaxPool2D(3, 2, 1, ceil_mode=True), [image]),
        "max_pool3d": (lambda: nn.MaxPool3D(2), [(1, 2, 4, 4, 4)]),
        "avg_pool1d": (lambda: nn.AvgPool1D(3), [sequence]),
        "avg_pool2d": (lambda: nn.AvgPool2D((2, 3), padding=1, count_include_pad=False), [image]),
        "avg_pool3d": (nn.AvgPool3D, [(1, 2, 4, 4, 4)]),
        "global_max_pool1d": (nn.GlobalMaxPool1D, [sequence]),
        "global_max_pool2d": (nn.GlobalMaxPool2D, [image]),
        "global_max_pool3d": (nn.GlobalMaxPool3D, [(1, 2, 3, 3, 3)]),
        "global_avg_pool1d": (nn.GlobalAvgPool1D, [sequence]),
        "global_avg_pool2d": (nn.GlobalAvgPool2D, [image]),
        "global_avg_pool3d": (nn.GlobalAvgPool3D, [(1, 2, 3, 3, 3)]),
        "max_pool2d_last": (lambda: nn.MaxPool2D(3, 2, 1, ceil_mode=True, layout="NHWC"), [(2, 7, 8, 3)]),
        "avg_pool1d_last": (lambda: nn.AvgPool1D(3, padding=1, count_include_pad=False, layout="NWC"), [(2, 9, 4)]),
        "global_avg_pool3d_last": (lambda: nn.GlobalAvgPool3D(layout="NDHWC"), [(1, 3, 3, 3, 2)]),
        "batch_norm": (nn.BatchNorm, [image]),
        "batch_norm_fixed": (
            lambda: nn.BatchNorm(
                axis=3, momentum=0.8, epsilon=1e-3, center=False, scale=False, use_global_stats=True, in_channels=8
            ),
            [image],
        ),
        "batch_norm_relu": (nn.BatchNormReLU, [image]),
        "layer_norm": (nn.LayerNorm, [sequence]),
        "layer_norm_axis": (lambda: nn.LayerNorm(axis=1, epsilon=1e-4, center=False, in_channels=4), [sequence]),
        "group_norm": (nn.GroupNorm, [image]),
        "group_norm_of_two": (lambda: nn.GroupNorm(2, scale=False), [image]),
        "instance_norm": (nn.InstanceNorm, [image]),
        "instance_norm_axis": (lambda: nn.InstanceNorm(axis=2, scale=True, in_channels=7), [image]),
        "dropout_none": (lambda: nn.Dropout(0), [sequence]),
        "embedding": (lambda: nn.Embedding(5, 4), [(2, 3)]),
        "flatten": (nn.Flatten, [sequence]),
        "lambda_name": (lambda: nn.HybridLambda("tanh"), [sequence]),
        "lambda_function": (lambda: nn.HybridLambda(lambda F, x: F.relu(x)), [sequence]),
        "leaky_relu": (lambda: nn.LeakyReLU(0.2), [sequence]),
        "prelu": (nn.PReLU, [sequence]),
        "prelu_channels": (lambda: nn.PReLU(in_channels=4), [sequence]),
        "elu": (lambda: nn.ELU(0.7), [sequence]),
        "selu": (nn.SELU, [sequence]),
        "gelu": (nn.GELU, [sequence]),
        "swish": (lambda: nn.Swish(2.0), [sequence]),
        "activation": (lambda: nn.Activation("softrelu"), [sequence]),
        "reflection_pad": (lambda: nn.ReflectionPad2D((0, 0, 0, 0, 1, 2, 3, 4)), [image]),
        "network": (lambda: network(mx), [(2, 3, 8, 8)]),
    }


def network(mx):
    nn = mx.gluon.nn
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(nn.Conv2D(4, 3, activation="relu"), nn.BatchNorm())
        inner = nn.HybridSequential(prefix="")
        with inner.name_scope():
            inner.add(nn.Dense(3), nn.Dense(4))
        outer = nn.HybridSequential()
        with outer.name_scope():
            outer.add(nn.Dense(5, flatten=False))
        net.add(inner, nn.Dense(2), outer)
    return net


def recurrent(mx):
    rnn = mx.gluon.rnn
    x, h, g = (2, 4), (2, 3), (2, 3)
    steps = (5, 2, 4)

    def stack():
        cells = rnn.HybridSequentialRNNCell()
        cells.add(rnn.LSTMCell(3))
        cells.add(rnn.GRUCell(3))
        return cells

    def unrolled(make, **options):
        class Unrolled(mx.gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                with self.name_scope():
                    self.cell = make()

            def hybrid_forward(self, F, inputs):
                return self.cell.unroll(3, inputs, **options)[0]

        return Unrolled

    return {
        "rnn_cell": (lambda: rnn.RNNCell(3), [x, [h]]),
        "rnn_cell_relu": (lambda: rnn.RNNCell(3, "relu", input_size=4), [x, [h]]),
        "lstm_cell": (lambda: rnn.LSTMCell(3), [x, [h, g]]),
        "lstm_cell_activations": (
            lambda: rnn.LSTMCell(3, activation="relu", recurrent_activation="tanh"),
            [x, [h, g]],
        ),
        "gru_cell": (lambda: rnn.GRUCell(3), [x, [h]]),
        "residual_cell": (lambda: rnn.ResidualCell(rnn.GRUCell(3)), [(2, 3), [h]]),
        "stacked_cells": (stack, [x, [h, g, h]]),
        "lstm": (lambda: rnn.LSTM(3), [steps]),
        "lstm_deep": (lambda: rnn.LSTM(3, 2, "NTC", 0, True, 4), [steps]),
        "lstm_states": (lambda: rnn.LSTM(3), [steps, [(1, 2, 3), (1, 2, 3)]]),
        "lstm_projected": (
            lambda: rnn.LSTM(3, projection_size=2, input_size=4),
            [steps, [(1, 2, 2), (1, 2, 3)]],
        ),
        "gru": (lambda: rnn.GRU(3), [steps, [(1, 2, 3)]]),
        "rnn": (lambda: rnn.RNN(3, 2), [steps]),
        "unrolled_rnn": (unrolled(lambda: rnn.RNNCell(3)), [(2, 3, 4)]),
        "unrolled_lstm": (unrolled(lambda: rnn.LSTMCell(3), merge_outputs=True, layout="TNC"), [(3, 2, 4)]),
        "unrolled_gru": (unrolled(lambda: rnn.GRUCell(3), merge_outputs=True), [(2, 3, 4)]),
        "unrolled_residual": (unrolled(lambda: rnn.ResidualCell(rnn.RNNCell(4))), [(2, 3, 4)]),
        "unrolled_bidirectional": (
            unrolled(lambda: rnn.BidirectionalCell(rnn.LSTMCell(3), rnn.GRUCell(3)), merge_outputs=True),
            [(2, 3, 4)],
        ),
        "unrolled_stack": (unrolled(stack), [(2, 3, 4)]),
    }


def losses(mx):
    loss = mx.gluon.loss
    pair = [(4, 3), (4, 3)]
    weighted = [(4, 3), (4, 3), (4, 1)]
    return {
        "l2": (loss.L2Loss, pair),
        "l2_weighted": (lambda: loss.L2Loss(weight=3.0), weighted),
        "l1": (lambda: loss.L1Loss(weight=2.0), weighted),
        "sigmoid_bce": (loss.SigmoidBCELoss, weighted),
        "sigmoid_bce_positive": (loss.SigmoidBCELoss, [*weighted, (4, 3)]),
        "sigmoid_bce_probabilities": (lambda: loss.SigmoidBCELoss(from_sigmoid=True), [*weighted, (4, 3)]),
        "softmax_ce_dense": (
            lambda: loss.SoftmaxCELoss(sparse_label=False, from_logits=True, axis=1, weight=0.5),
            weighted,
        ),
        "softmax_ce": (loss.SoftmaxCELoss, [(4, 3), (4,), (4, 1)]),
        "kl": (loss.KLDivLoss, pair),
        "kl_logits": (lambda: loss.KLDivLoss(from_logits=False), pair),
        "huber": (lambda: loss.HuberLoss(rho=0.5), weighted),
        "hinge": (lambda: loss.HingeLoss(margin=0.7), weighted),
        "squared_hinge": (loss.SquaredHingeLoss, weighted),
        "logistic": (loss.LogisticLoss, weighted),
        "logistic_binary": (lambda: loss.LogisticLoss(label_format="binary"), pair),
        "poisson": (loss.PoissonNLLLoss, weighted),
        "poisson_full": (lambda: loss.PoissonNLLLoss(from_logits=False, compute_full=True), pair),
        "triplet": (lambda: loss.TripletLoss(margin=0.3), [(4, 3), (4, 3), (4, 3)]),
        "cosine": (lambda: loss.CosineEmbeddingLoss(margin=0.1), [(4, 3), (4, 3), (4,)]),
        "sdml": (loss.SDMLLoss, pair),
        "batch_axis": (lambda: loss.L2Loss(batch_axis=1), pair),
    }


def cases(mx):
    """Every case by name."""
    return {**layers(mx), **recurrent(mx), **losses(mx)}


#: Labels are class numbers, signs, ... rather than any numbers: (case, position) to a function of random numbers.
LABELS = {
    ("embedding", 0): lambda values: np.floor(values * 5),
    ("softmax_ce", 1): lambda values: np.floor(values * 3),
    ("cosine", 2): lambda values: np.sign(values - 0.5),
    ("hinge", 1): lambda values: np.sign(values - 0.5),
    ("squared_hinge", 1): lambda values: np.sign(values - 0.5),
    ("logistic", 1): lambda values: np.sign(values - 0.5),
}


#: What MXNet 1.9.1 does not differentiate.
FORWARD_ONLY = ("lstm_projected", "poisson_full")


def positive(name):
    """Losses of probabilities and counts take numbers from 0 to 1 only."""
    return name in ("kl", "kl_logits", "poisson_full", "sigmoid_bce_probabilities")


def example(mx, name, shapes):
    """The inputs of a case, nested as its shapes are; equal numbers in every package."""
    random = np.random.RandomState(sum(map(ord, name)))

    def fill(shape, position):
        if isinstance(shape, list):
            return [fill(part, None) for part in shape]
        values = random.uniform(size=shape)
        if (name, position) in LABELS:
            values = LABELS[name, position](values)
        elif not positive(name):
            values = 2 * values - 1
        return mx.nd.array(values.astype(np.float32))

    return [fill(shape, position) for position, shape in enumerate(shapes)]


def fill_parameters(mx, block):
    """Give all parameters equal numbers in every package."""
    random = np.random.RandomState(1)
    for parameter in block.collect_params().values():
        if parameter.grad_req == "null" and parameter.name.endswith("gamma"):
            continue  # MXNet sets it to 1
        values = random.uniform(0.1, 1.0, parameter.shape) - (0 if "running" in parameter.name else 0.5)
        parameter.set_data(mx.nd.array(values.astype(np.float32)))


def flat(values):
    """Nested lists as one list."""
    if isinstance(values, (list, tuple)):
        return [leaf for value in values for leaf in flat(value)]
    return [values]


def graph_of(mx, make, shapes):
    """(nodes and heads of the symbol, representation, parameters) of a block called with symbols."""
    import json

    names = iter("abcdefgh")

    def variables(shape):
        return [variables(part) for part in shape] if isinstance(shape, list) else mx.sym.var(next(names))

    with mx.name.NameManager():
        block = make()
        out = mx.sym.Group([head for part in flat(block(*map(variables, shapes))) for head in part])
    graph = json.loads(out.tojson())
    params = {name: [list(p.shape), p.grad_req, np.dtype(p.dtype).name] for name, p in block.collect_params().items()}
    return {"nodes": graph["nodes"], "heads": graph["heads"], "repr": repr(block), "params": params}


def run(mx, name, make, shapes, hybridize=False):
    """Outputs, gradients by inputs and parameters, and states, as NumPy arrays by name."""
    inputs = example(mx, name, shapes)
    block = make()
    block.initialize()
    block(*inputs)
    fill_parameters(mx, block)
    if hybridize:
        block.hybridize()
    if name in FORWARD_ONLY:
        return {f"output{number}": out.asnumpy() for number, out in enumerate(flat(block(*inputs)))}
    differentiated = {n: value for n, value in enumerate(flat(inputs)) if (name, n) not in LABELS}
    for value in differentiated.values():
        value.attach_grad()
    with mx.autograd.record():
        outputs = flat(block(*inputs))
        total = mx.nd.add_n(*[(out * out).sum() for out in outputs])
    total.backward()
    found = {f"output{number}": out.asnumpy() for number, out in enumerate(outputs)}
    found.update({f"input{number}": value.grad.asnumpy() for number, value in differentiated.items()})
    for number, parameter in enumerate(block.collect_params().values()):
        found[f"parameter{number}"] = (
            parameter.data().asnumpy() if parameter.grad_req == "null" else parameter.grad().asnumpy()
        )
    return found
