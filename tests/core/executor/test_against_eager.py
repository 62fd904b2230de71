"""Random graphs: an executor gives the outputs and gradients of the same code run eagerly under autograd.record()."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mxtrain as mx
from mxtrain import nd

SHAPE = (2, 3)
NUM_VARIABLES = 3

# name: (number of inputs, computation in the operators of F); all values have one shape
OPERATORS = {
    "relu": (1, lambda F, x: F.Activation(x, act_type="relu")),
    "tanh": (1, lambda F, x: F.tanh(x)),
    "negative": (1, lambda F, x: -x),
    "square": (1, lambda F, x: F.square(F.tanh(x))),
    "scale": (1, lambda F, x: 0.5 - x * 2 / 3),
    "views": (1, lambda F, x: F.Reshape(F.tanh(F.Reshape(x, shape=(3, 2))), shape=SHAPE)),
    "view": (1, lambda F, x: F.Reshape(F.Flatten(x), shape=SHAPE)),
    "turned": (1, lambda F, x: F.transpose(F.transpose(x) * 2)),
    "blocked": (1, lambda F, x: F.BlockGrad(x) + x),
    "copy": (1, lambda F, x: F.identity(x)),
    "floor": (1, lambda F, x: F.floor(x) + x),
    "softmax": (1, lambda F, x: F.softmax(x)),
    "mean": (1, lambda F, x: F.broadcast_sub(x, F.mean(x, axis=1, keepdims=True))),
    "dropout": (1, lambda F, x: F.Dropout(x, p=0.0)),
    "clip": (1, lambda F, x: F.clip(x, a_min=-0.5, a_max=0.5)),
    "add": (2, lambda F, x, y: x + y),
    "multiply": (2, lambda F, x, y: F.tanh(x) * y),
    "subtract": (2, lambda F, x, y: x - y),
    "maximum": (2, lambda F, x, y: F.broadcast_maximum(x, y)),
    "row": (2, lambda F, x, y: F.broadcast_add(x, F.slice_axis(y, axis=0, begin=0, end=1))),
    "joined": (2, lambda F, x, y: F.slice_axis(F.Concat(x, y, dim=1), axis=1, begin=2, end=5)),
    "parts": (2, lambda F, x, y: _second_part(F, x) + y),
    "product": (2, lambda F, x, y: F.dot(F.tanh(F.dot(x, y, transpose_b=True)), y)),
    "three": (3, lambda F, x, y, z: F.add_n(x, y, z)),
    "where": (3, lambda F, x, y, z: F.where(F.broadcast_greater(x, y), y, z)),
}


def _second_part(F, x):
    parts = F.SliceChannel(x, num_outputs=3, axis=1)
    return F.Concat(parts[1], parts[0], parts[1], dim=1)


@st.composite
def programs(draw):
    """(calls: (operator, positions of its inputs), positions of the outputs)."""
    calls = []
    for position in range(NUM_VARIABLES, NUM_VARIABLES + draw(st.integers(1, 12))):
        name = draw(st.sampled_from(sorted(OPERATORS)))
        inputs = draw(st.lists(st.integers(0, position - 1), min_size=OPERATORS[name][0], max_size=OPERATORS[name][0]))
        calls.append((name, inputs))
    last = NUM_VARIABLES + len(calls) - 1
    return calls, draw(st.lists(st.integers(0, last), min_size=1, max_size=4))


def run(F, program, variables):
    """The outputs of a program."""
    calls, outputs = program
    values = list(variables)
    for name, inputs in calls:
        values.append(OPERATORS[name][1](F, *(values[i] for i in inputs)))
    return [values[i] for i in outputs]


def eager(program, values, head_grads, reqs):
    """Outputs and gradients; the gradient of a variable without one is None."""
    variables = [nd.array(value) for value in values]
    for variable, req in zip(variables, reqs, strict=True):
        if req != "null":
            variable.attach_grad()
    with mx.autograd.record():
        outputs = run(nd, program, variables)
        total = sum(
            (output * nd.array(grad) for output, grad in zip(outputs, head_grads, strict=True)), nd.zeros(SHAPE)
        )
    if total._entry is not None:
        total.backward()
    return [output.asnumpy() for output in outputs], [None if v.grad is None else v.grad.asnumpy() for v in variables]


requests = st.lists(st.sampled_from(["write", "add", "null"]), min_size=NUM_VARIABLES, max_size=NUM_VARIABLES)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs(), requests, st.integers(0, 2**20))
def test_an_executor_equals_eager_execution(program, reqs, seed):
    random = np.random.RandomState(seed)
    names = [f"v{i}" for i in range(NUM_VARIABLES)]
    symbol = mx.sym.Group(run(mx.sym, program, [mx.sym.var(name) for name in names]))
    used = symbol.list_arguments()
    requested = dict(zip(names, reqs, strict=True))
    executor = symbol.simple_bind(
        mx.cpu(), grad_req={name: requested[name] for name in used}, **dict.fromkeys(used, SHAPE)
    )
    sums = {name: np.zeros(SHAPE) for name in used}
    for _ in range(2):
        values = [random.uniform(-1, 1, SHAPE).astype("float32") for _ in names]
        head_grads = [random.uniform(-1, 1, SHAPE).astype("float32") for _ in symbol.list_outputs()]
        expected, gradients = eager(program, values, head_grads, reqs)
        given_values = {name: value for name, value in zip(names, values, strict=True) if name in used}
        outputs = executor.forward(is_train=True, **given_values)
        executor.backward([nd.array(grad) for grad in head_grads])
        for output, value in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(output.asnumpy(), value, rtol=1e-5, atol=1e-5)
        for name, gradient in zip(names, gradients, strict=True):
            if name in used and requested[name] != "null":
                sums[name] = gradient + (sums[name] if requested[name] == "add" else 0)
                np.testing.assert_allclose(executor.grad_dict[name].asnumpy(), sums[name], rtol=1e-4, atol=1e-5)
        for name, value in given_values.items():
            np.testing.assert_array_equal(executor.arg_dict[name].asnumpy(), value)
