"""Model parallelism: parts of a graph on several contexts, copies at the edges, the same results."""

import numpy as np
import pytest
from parallel_lstm import GROUPS, parallel_lstm, shapes, values

import mxtrain as mx
from mxtrain import nd

BATCH = 3
PLACES = {group: mx.cpu(i + 1) for i, group in enumerate(GROUPS)}


def two_parts():
    with mx.AttrScope(ctx_group="one"):
        first = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=4, name="first")
    middle = mx.sym.Activation(first, act_type="tanh", name="middle")
    with mx.AttrScope(ctx_group="two"):
        return mx.sym.FullyConnected(middle, num_hidden=2, name="second")


def filled(executor, arrays):
    for name, value in arrays.items():
        executor.arg_dict[name][:] = value
    return executor


def stepped(executor, steps=2):
    for _ in range(steps):
        executor.forward(is_train=True)
        executor.backward()
    return [executor.outputs[0].asnumpy(), *(grad.asnumpy() for grad in executor.grad_arrays)]


def places_of(executor):
    """The context of each operator that runs, by name."""
    plan = executor._plan
    nodes = [node for steps in (plan.training, plan.backward) for node in steps.nodes if node is not None]
    return {node.name: plan.places[id(node)] for node in nodes}


@pytest.mark.parametrize("req", ["write", "add"])
def test_an_lstm_whose_layers_are_on_contexts_of_their_own(req):
    symbol = parallel_lstm()
    arrays = values(symbol, BATCH)
    together = filled(symbol.simple_bind(mx.cpu(0), grad_req=req, **shapes(BATCH)), arrays)
    apart = filled(symbol.simple_bind(mx.cpu(0), grad_req=req, group2ctx=PLACES, **shapes(BATCH)), arrays)
    for expected, got in zip(stepped(together), stepped(apart), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_arrays_live_with_their_layers():
    executor = parallel_lstm().simple_bind(mx.cpu(0), group2ctx=PLACES, **shapes(BATCH))
    expected = {"embed_weight": "embed", "l0_i2h_weight": "layer0", "l1_init_c": "layer1", "decode_bias": "decode"}
    for name, group in expected.items():
        assert executor.arg_dict[name].context == PLACES[group]
        assert executor.grad_dict[name].context == PLACES[group]
    assert executor.outputs[0].context == PLACES["decode"]
    assert {str(ctx) for ctx in executor.memory} == {str(ctx) for ctx in PLACES.values()}
    assert "Intermediate values on cpu(3): " in executor.debug_str()
    assert executor.debug_str().count("Op:_CrossDeviceCopy") == 2 * 3 * 4


def test_every_operator_runs_where_its_values_are():
    executor = parallel_lstm().simple_bind(mx.cpu(0), group2ctx=PLACES, **shapes(BATCH))
    plan = executor._plan
    crossings = 0
    for steps in (plan.training, plan.backward):
        for node in steps.nodes:
            if node is None:
                continue
            inputs = {plan.places[id(entry.node)] for entry in node.inputs}
            if node.op.name == "_CrossDeviceCopy":
                crossings += inputs != {plan.places[id(node)]}
            else:
                assert inputs <= {plan.places[id(node)]}, node.name
    # forward and back: four words into layer 0, layer 0 to 1, layer 1 to the decoder, once for each step
    assert crossings == 2 * 3 * 4


def test_an_operator_without_a_group_runs_where_its_input_is():
    executor = two_parts().simple_bind(mx.cpu(0), group2ctx={"one": mx.cpu(1), "two": mx.cpu(2)}, data=(3, 5))
    places = places_of(executor)
    assert (places["first"], places["middle"], places["second"]) == (mx.cpu(1), mx.cpu(1), mx.cpu(2))


def test_operators_before_the_first_group_run_where_they_are_needed():
    before = mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=3, name="before")
    with mx.AttrScope(ctx_group="one"):
        net = mx.sym.FullyConnected(before, num_hidden=3, name="fc")
    net = mx.sym.BatchNorm(net, name="bn")
    executor = net.simple_bind(mx.cpu(0), group2ctx={"one": mx.cpu(1)}, x=(2, 3))
    assert {array.context for array in (*executor.arg_arrays, *executor.aux_arrays)} == {mx.cpu(1)}


def test_bind_goes_by_the_arrays():
    # MXNet 1.9.1 computes exp on cpu(3), where u is, and gives the output there
    net = mx.sym.elemwise_add(mx.sym.exp(mx.sym.var("u"), name="eu"), mx.sym.var("v"), name="uv")
    arrays = {"u": nd.ones((2, 3), ctx=mx.cpu(3)), "v": nd.ones((2, 3), ctx=mx.cpu(1))}
    grads = {name: nd.zeros((2, 3), ctx=array.context) for name, array in arrays.items()}
    executor = net.bind(mx.cpu(0), arrays, grads, group2ctx={"other": mx.cpu(5)})
    assert executor.forward(is_train=True)[0].context == mx.cpu(3)
    executor.backward(nd.full((2, 3), 2.0, ctx=mx.cpu(0)))
    np.testing.assert_allclose(executor.outputs[0].asnumpy(), np.e + 1, rtol=1e-6)
    np.testing.assert_allclose(grads["u"].asnumpy(), 2 * np.e, rtol=1e-6)
    assert (grads["v"].asnumpy() == 2).all()
    with pytest.raises(mx.MXNetError, match=r"u: expected an array on cpu\(0\)\. Received: one on cpu\(3\)"):
        net.bind(mx.cpu(0), arrays)


@pytest.mark.parametrize("req", ["write", "add"])
def test_the_gradient_of_an_array_that_several_contexts_read(req):
    x = mx.sym.var("x")
    with mx.AttrScope(ctx_group="one"):
        p = mx.sym.exp(x)
    with mx.AttrScope(ctx_group="two"):
        q = mx.sym.square(x) * p
    x_value, grad = nd.array([0.5, -1.0], ctx=mx.cpu(4)), nd.ones((2,), ctx=mx.cpu(4))
    places = {"one": mx.cpu(1), "two": mx.cpu(2)}
    executor = q.bind(mx.cpu(0), {"x": x_value}, {"x": grad}, req, group2ctx=places)
    executor.forward(is_train=True)
    executor.backward(nd.ones((2,)))
    value = x_value.asnumpy()
    expected = (2 * value + value**2) * np.exp(value) + (req == "add")
    np.testing.assert_allclose(grad.asnumpy(), expected, rtol=1e-5)


def test_random_numbers_come_from_the_context_of_the_operator():
    def masks(ctx):
        with mx.AttrScope(ctx_group="one"):
            net = mx.sym.Dropout(mx.sym.var("x"), p=0.5)
        executor = net.simple_bind(mx.cpu(0), group2ctx={"one": ctx}, x=(64,))
        executor.arg_dict["x"][:] = 1
        mx.random.seed(3, ctx=mx.cpu(1))
        mx.random.seed(4, ctx=mx.cpu(2))
        return executor.forward(is_train=True)[0].asnumpy()

    np.testing.assert_array_equal(masks(mx.cpu(1)), masks(mx.cpu(1)))
    assert (masks(mx.cpu(1)) != masks(mx.cpu(2))).any()


def test_values_are_computed_again_on_their_contexts(monkeypatch):
    symbol = parallel_lstm(dropout=0.3)

    def results():
        executor = symbol.simple_bind(mx.cpu(0), group2ctx=PLACES, **shapes(BATCH))
        mx.random.seed(5)
        return stepped(filled(executor, values(symbol, BATCH))), executor

    expected, plain = results()
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    got, executor = results()
    assert executor._num_repeated > 0 == plain._num_repeated
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_shapes_stay_on_their_contexts():
    executor = two_parts().simple_bind(mx.cpu(0), group2ctx={"one": mx.cpu(1), "two": mx.cpu(2)}, data=(3, 5))
    executor.arg_dict["second_bias"][:] = 3
    smaller = executor.reshape(data=(2, 5))
    assert (smaller.forward()[0].asnumpy() == 3).all()
    assert smaller.outputs[0].context == mx.cpu(2)
    for ctx, buffer in smaller.memory.items():
        assert buffer is executor.memory[ctx]


def test_groups_matter_only_when_there_are_contexts_for_them():
    executor = two_parts().simple_bind(mx.cpu(3), data=(3, 5))
    assert {array.context for array in executor.arg_arrays} == {mx.cpu(3)}
    with pytest.raises(mx.MXNetError, match="Received: 'two'"):
        two_parts().simple_bind(mx.cpu(3), group2ctx={"one": mx.cpu(1)}, data=(3, 5))


def test_monitors_see_values_of_every_context():
    executor = two_parts().simple_bind(mx.cpu(0), group2ctx={"one": mx.cpu(1), "two": mx.cpu(2)}, data=(3, 5))
    seen = {}
    executor.set_monitor_callback(lambda name, array: seen.update({name: array.context}))
    executor.forward(is_train=True)
    assert seen["middle_output"] == mx.cpu(1)
    assert seen["second_output"] == mx.cpu(2)
