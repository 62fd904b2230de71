"""What random numbers, labels, lengths, training mode and small dtypes do to the layers."""

import numpy as np
import pytest

import mxtrain as mx


def recorded(function, *arrays, head=None):
    """The result and the gradients of a function of arrays."""
    arrays = [mx.nd.array(array, dtype=np.asarray(array).dtype) for array in arrays]
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        y = function(*arrays)
    y.backward(None if head is None else mx.nd.array(head, dtype=y.dtype))
    return y.asnumpy(), [array.grad.asnumpy() for array in arrays]


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize("wrong", [3, -1, 100, -100, np.nan, np.inf])
def test_softmax_output_names_a_label_out_of_range(wrong):
    data = np.zeros((2, 3), np.float32)
    with pytest.raises(mx.MXNetError, match="labels from 0 to 2"):
        recorded(lambda x: mx.nd.SoftmaxOutput(x, mx.nd.array([0, wrong])), data)


def test_forward_does_not_read_the_labels():
    y = mx.nd.SoftmaxOutput(mx.nd.zeros((1, 4)), mx.nd.array([99]))
    assert y.asnumpy().tolist() == [[0.25] * 4]


def test_ignored_labels_may_be_out_of_range():
    data = np.zeros((2, 4), np.float32)
    _, (grad,) = recorded(lambda x: mx.nd.SoftmaxOutput(x, mx.nd.array([1, -1]), use_ignore=True), data)
    assert grad.tolist() == [[0.25, -0.75, 0.25, 0.25], [0, 0, 0, 0]]


def test_a_fractional_label_is_cut():
    data = np.zeros((2, 2), np.float32)
    _, (grad,) = recorded(lambda x: mx.nd.SoftmaxOutput(x, mx.nd.array([1.7, -0.5])), data)
    assert grad.tolist() == [[0.5, -0.5], [-0.5, 0.5]]


@pytest.mark.parametrize("name", ["SVMOutput", "softmax_cross_entropy"])
def test_other_losses_name_a_label_out_of_range(name):
    with pytest.raises(mx.MXNetError, match="labels from 0 to 2"):
        recorded(lambda x: getattr(mx.nd, name)(x, mx.nd.array([0, 3])), np.zeros((2, 3), np.float32))


def test_softmax_output_uses_the_head_gradient_only_when_told():
    data, head = np.zeros((1, 2), np.float32), np.array([[2.0, 3.0]])
    label = mx.nd.array([0])
    assert recorded(lambda x: mx.nd.SoftmaxOutput(x, label), data, head=head)[1][0].tolist() == [[-0.5, 0.5]]
    with_head = recorded(lambda x: mx.nd.SoftmaxOutput(x, label, out_grad=True), data, head=head)
    assert with_head[1][0].tolist() == [[-1.0, 1.5]]


def test_embedding_moves_numbers_to_the_nearest_row():
    weight = mx.nd.array(np.arange(8).reshape(4, 2))
    y = mx.nd.Embedding(mx.nd.array([0, -1, 7, 1.7]), weight, input_dim=4, output_dim=2)
    assert y.asnumpy().tolist() == [[0, 1], [0, 1], [6, 7], [2, 3]]


# ---------------------------------------------------------------- dropout


def test_dropout_keeps_the_share_and_scales():
    mx.random.seed(3)
    y, (grad,) = recorded(lambda x: mx.nd.Dropout(x, p=0.25), np.ones((100, 100), np.float32))
    assert set(np.unique(y)) == {0.0, np.float32(4 / 3)}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(grad, y)


def test_dropout_follows_the_seed():
    def draw():
        mx.random.seed(7)
        return recorded(mx.nd.Dropout, np.ones((4, 4), np.float32))[0]

    np.testing.assert_array_equal(draw(), draw())


def test_dropout_shares_decisions_along_axes():
    y, (grad,) = recorded(lambda x: mx.nd.Dropout(x, axes=(1,)), np.ones((50, 6), np.float32))
    assert (y == y[:, :1]).all()
    assert 0 < (y == 0).mean() < 1
    np.testing.assert_array_equal(grad, y)


def test_dropout_of_everything():
    y, (grad,) = recorded(lambda x: mx.nd.Dropout(x, p=1), np.ones((3,), np.float32))
    assert np.isnan([y, grad]).all()  # 0 / 0, as in MXNet 1.9.1


def test_dropout_in_prediction():
    data = mx.nd.ones((5,))
    assert mx.nd.Dropout(data, p=0.9).asnumpy().tolist() == [1] * 5
    assert 0 in mx.nd.Dropout(mx.nd.ones((99,)), p=0.9, mode="always").asnumpy()


def test_rrelu_draws_slopes_in_training():
    x = -np.ones((1000,), np.float32)
    y, (grad,) = recorded(lambda a: mx.nd.LeakyReLU(a, act_type="rrelu")[0], x)
    assert -0.334 <= y.min() < -0.3 < -0.15 < y.max() <= -0.125
    np.testing.assert_array_equal(grad, -y)
    predicted = mx.nd.LeakyReLU(mx.nd.array([1, -2.0]), act_type="rrelu")[0].asnumpy()
    np.testing.assert_allclose(predicted, [1.0, -0.459])


def test_selu():
    # derivative of scale * alpha * (exp(x) - 1), in numbers from Python's math module
    y, (grad,) = recorded(lambda a: mx.nd.LeakyReLU(a, act_type="selu"), np.array([1, -2, 0], np.float32))
    np.testing.assert_allclose(y, [1.0507, -1.520167, 0], rtol=1e-5)
    np.testing.assert_allclose(grad, [1.0507, 0.237933, 1.758099], rtol=1e-5)


# ---------------------------------------------------------------- batch normalisation


def test_batch_norm_moves_its_statistics_only_in_training():
    data = mx.nd.array([[1.0], [3.0]])
    gamma, beta, mean, var = mx.nd.ones(1), mx.nd.zeros(1), mx.nd.zeros(1), mx.nd.ones(1)
    mx.nd.BatchNorm(data, gamma, beta, mean, var)
    assert (mean.asscalar(), var.asscalar()) == (0, 1)
    with mx.autograd.train_mode():
        mx.nd.BatchNorm(data, gamma, beta, mean, var, use_global_stats=True)
    assert (mean.asscalar(), var.asscalar()) == (0, 1)
    with mx.autograd.train_mode():
        mx.nd.BatchNorm(data, gamma, beta, mean, var, momentum=0.5)
    assert (mean.asscalar(), var.asscalar()) == (1, 1)


# ---------------------------------------------------------------- recurrent networks


def rnn(data, parameters, lengths=None, mode="lstm", **options):
    state = mx.nd.zeros((2 if options.get("bidirectional") else 1, data.shape[1], 3))
    inputs = {"data": mx.nd.array(data), "parameters": mx.nd.array(parameters), "state": state}
    if mode == "lstm":
        inputs["state_cell"] = state
    if lengths is not None:
        inputs |= {"sequence_length": mx.nd.array(lengths), "use_sequence_length": True}
    return [
        y.asnumpy() for y in mx.nd.RNN(**inputs, mode=mode, state_size=3, num_layers=1, state_outputs=True, **options)
    ]


@pytest.mark.parametrize(("mode", "count"), [("lstm", 84), ("gru", 63), ("rnn_tanh", 21)])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_shorter_sequence_is_as_if_it_were_alone(mode, count, bidirectional):
    random = np.random.default_rng(0)
    data, parameters = random.uniform(-1, 1, (5, 2, 2)), random.uniform(-1, 1, count * (2 if bidirectional else 1))
    together = rnn(data, parameters, [5, 3], mode, bidirectional=bidirectional)
    alone = rnn(data[:3, 1:], parameters, None, mode, bidirectional=bidirectional)
    np.testing.assert_allclose(together[0][:3, 1:], alone[0], rtol=1e-5)
    assert not together[0][3:, 1].any()
    for state, expected in zip(together[1:], alone[1:], strict=True):
        np.testing.assert_allclose(state[:, 1:], expected, rtol=1e-5)


@pytest.mark.parametrize("lengths", [[6, 1], [-1, 1]])
def test_lengths_out_of_range(lengths):
    with pytest.raises(mx.MXNetError, match="sequence_length from 0 to 5"):
        rnn(np.ones((5, 2, 2)), np.ones(84), lengths)


def test_lstm_clips_its_cell_states():
    data, parameters = np.ones((3, 2, 2)), np.full(84, 0.5)
    *_, cells = rnn(data, parameters, lstm_state_clip_min=-0.1, lstm_state_clip_max=0.2)
    assert cells.max() == np.float32(0.2)


def test_dropout_between_layers():
    random = np.random.default_rng(0)
    data = random.uniform(-1, 1, (4, 8, 3))
    parameters = random.uniform(-1, 1, 2 * 24)

    def run(x, w):
        return mx.nd.RNN(x, w, mx.nd.zeros((2, 8, 3)), mode="rnn_tanh", state_size=3, num_layers=2, p=0.5)

    inputs = [data.astype(np.float32), parameters.astype(np.float32)]
    plain = run(*map(mx.nd.array, inputs)).asnumpy()
    mx.random.seed(1)
    y, grads = recorded(run, *inputs)
    assert (y != plain).any()
    # the gradient belongs to the mask that was drawn: a small step along it has the predicted effect
    step = 1e-2 / np.abs(grads[1]).max()
    mx.random.seed(1)
    moved, _ = recorded(run, inputs[0], inputs[1] + step * grads[1])
    assert moved.sum() - y.sum() == pytest.approx(step * (grads[1] ** 2).sum(), rel=0.2)


# ---------------------------------------------------------------- dtypes and orders of differentiation


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x, w: mx.nd.FullyConnected(x.reshape((2, -1)), w.reshape((1, -1)), num_hidden=1, no_bias=True),
        lambda x, w: mx.nd.Convolution(x, w, kernel=(3, 3), num_filter=4, no_bias=True),
        lambda x, w: mx.nd.Pooling(x, kernel=(2, 2), pool_type="avg"),
        lambda x, w: mx.nd.softmax(x),
        lambda x, w: mx.nd.LayerNorm(x, w.reshape((-1,))[:6], w.reshape((-1,))[:6]),
        lambda x, w: mx.nd.LeakyReLU(x, act_type="gelu"),
        lambda x, w: mx.nd.Activation(x, act_type="sigmoid"),
    ],
)
def test_small_floats_agree_with_float32(function, dtype):
    random = np.random.default_rng(0)
    inputs = [mx.nd.array(random.uniform(-1, 1, s)).astype(dtype) for s in ((2, 4, 6, 6), (4, 4, 3, 3))]
    expected = function(*(array.astype("float32") for array in inputs)).asnumpy()
    found = function(*inputs)
    assert found.dtype == inputs[0].dtype
    np.testing.assert_allclose(found.asnumpy().astype(np.float32), expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: mx.nd.FullyConnected(x, mx.nd.array([[1.0, 2.0]], dtype="float64"), num_hidden=1, no_bias=True) ** 3,
        lambda x: mx.nd.Activation(x, act_type="tanh"),
        lambda x: mx.nd.Activation(x, act_type="softsign"),
        lambda x: (
            mx.nd.Convolution(
                x.reshape((1, 1, 2)),
                mx.nd.array([[[0.5, 2.0]]], dtype="float64"),
                kernel=(2,),
                num_filter=1,
                no_bias=True,
            )
            ** 3
        ),
    ],
)
def test_second_derivatives(function):
    point, direction = np.array([[0.3, -0.4]]), np.array([[1.0, 0.5]])

    def first(values):
        x = mx.nd.array(values, dtype="float64")
        x.attach_grad()
        with mx.autograd.record():
            (slope,) = mx.autograd.grad(function(x), [x], create_graph=True)
            total = (slope * mx.nd.array(direction, dtype="float64")).sum()
        return x, total

    x, total = first(point)
    total.backward()
    step = 1e-5
    ends = [first(point + sign * step * direction)[1].asscalar() for sign in (1, -1)]
    assert (x.grad.asnumpy() * direction).sum() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


@pytest.mark.parametrize(
    ("gamma", "expected"),
    [((3, 4), [0, 0, -1, -1, -2, -2, -3, -3, -4, -4, -5, -5]), ((1, 4), [0, 0, -1, -1, -2, -2, -3, -3, 0, 0, -1, -1])],
)
def test_prelu_with_factors_per_sample(gamma, expected):
    """The values of MXNet 1.9.1."""
    factors = mx.nd.arange(np.prod(gamma)).reshape(gamma)
    y = mx.nd.LeakyReLU(-mx.nd.ones((3, 4, 2)), factors, act_type="prelu").asnumpy()
    np.testing.assert_array_equal(y.ravel()[:12], expected)
    with pytest.raises(mx.MXNetError, match="gamma of shape"):
        mx.nd.LeakyReLU(mx.nd.ones((3, 4, 2)), mx.nd.ones((4, 2)), act_type="prelu")


@pytest.mark.parametrize(("shape", "flatten", "expected"), [((0, 3), True, (0, 2)), ((2, 0, 3), False, (2, 0, 2))])
def test_dense_layer_over_no_samples(shape, flatten, expected):
    y, grads = recorded(
        lambda x, w, b: mx.nd.FullyConnected(x, w, b, num_hidden=2, flatten=flatten),
        np.zeros(shape, np.float32),
        np.ones((2, 3), np.float32),
        np.ones(2, np.float32),
    )
    assert y.shape == expected
    assert [g.shape for g in grads] == [shape, (2, 3), (2,)]
    assert not grads[1].any()
