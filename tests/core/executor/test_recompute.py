"""Values computed again in backward: the same bits for less memory."""

import logging

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.byte_sizes import parse_bytes
from mxtrain.executor.recompute_choice import Policy

SHAPES = {"data": (4, 3, 12, 12), "softmax_label": (4,)}


def deep_network(depth=12):
    """Convolutions with everything that is delicate: moving statistics, random masks, positions of maxima, branches."""
    x = mx.sym.var("data")
    for i in range(depth):
        branch = mx.sym.Convolution(x, kernel=(3, 3), pad=(1, 1), num_filter=6, name=f"conv{i}")
        branch = mx.sym.BatchNorm(branch, fix_gamma=False, name=f"bn{i}")
        branch = mx.sym.Activation(branch, act_type="relu", name=f"relu{i}")
        branch = mx.sym.Dropout(branch, p=0.25, name=f"drop{i}")
        if i == depth // 2:
            branch = mx.sym.Pooling(branch, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool")
        x = branch if i in (0, depth // 2) else branch + x
    fc = mx.sym.FullyConnected(mx.sym.Flatten(x), num_hidden=5, name="fc")
    return mx.sym.SoftmaxOutput(fc, name="softmax")


def bound(symbol, shapes=SHAPES, grad_req="write"):
    executor = symbol.simple_bind(mx.cpu(), grad_req=grad_req, **shapes)
    random = np.random.RandomState(1)
    for name, array in executor.arg_dict.items():
        array[:] = random.randint(0, 5, array.shape) if name == "softmax_label" else random.randn(*array.shape) * 0.3
    for array in executor.aux_dict.values():
        array[:] = 1
    return executor


def trained(executor, steps=3):
    """Everything that three steps leave behind."""
    mx.random.seed(7)
    found = []
    for _ in range(steps):
        executor.forward(is_train=True)
        executor.backward()
        arrays = [*executor.outputs, *executor.grad_arrays, *executor.aux_arrays]
        found += [array.asnumpy() for array in arrays if array is not None]
    found.append(mx.nd.random.uniform(shape=(3,)).asnumpy())  # the generator stands where it stood
    return found


def assert_same_bits(got, expected):
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        assert a.tobytes() == b.tobytes()


def nbytes(executor):
    return sum(slot.nbytes for slot in executor.memory_slots)


@pytest.mark.parametrize("budget", ["1", "250K", "300000", None])
def test_the_same_bits_for_less_memory(monkeypatch, budget, caplog):
    plain = bound(deep_network())
    expected = trained(plain)
    if budget is None:
        monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    else:
        monkeypatch.setenv("MXTRAIN_MEMORY_BUDGET", budget)
    with caplog.at_level(logging.WARNING):
        executor = bound(deep_network())
    assert nbytes(executor) < nbytes(plain)
    assert_same_bits(trained(executor), expected)
    if budget == "1":
        assert "memory budget of at least" in caplog.text
    elif budget is not None:
        assert nbytes(executor) <= parse_bytes(budget)


def test_gradients_are_added_as_often(monkeypatch):
    expected = trained(bound(deep_network(4), grad_req="add"))
    monkeypatch.setenv("MXTRAIN_MEMORY_BUDGET", "1")
    assert_same_bits(trained(bound(deep_network(4), grad_req="add")), expected)


def test_a_budget_that_is_large_enough_changes_nothing(monkeypatch):
    monkeypatch.setenv("MXTRAIN_MEMORY_BUDGET", "1G")
    assert "Computed again in backward: 0 of" in bound(deep_network()).debug_str()


def test_attributes_decide_alone():
    x = mx.sym.var("x")
    with mx.AttrScope(force_mirroring="True"):
        y = mx.sym.exp(x, name="again")
    net = mx.sym.make_loss(mx.sym.sin(mx.sym.exp(mx.sym.exp(y, name="kept"), name="kept2")))
    executor = net.simple_bind(mx.cpu(), x=(4,))
    assert "Computed again in backward: 1 of" in executor.debug_str()
    executor.arg_dict["x"][:] = 0.1
    executor.forward(is_train=True)
    executor.backward()
    e = np.exp(0.1)
    expected = np.cos(np.exp(np.exp(e))) * np.exp(np.exp(e)) * np.exp(e) * e
    np.testing.assert_allclose(executor.grad_dict["x"].asnumpy(), expected, rtol=1e-3)


def test_attributes_keep_values_that_mirroring_would_drop(monkeypatch):
    def net(**attrs):
        with mx.AttrScope(**attrs):
            return mx.sym.make_loss(mx.sym.exp(mx.sym.exp(mx.sym.var("x"))))

    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    assert "in backward: 2 of" in net().simple_bind(mx.cpu(), x=(4,)).debug_str()
    assert "in backward: 0 of" in net(force_mirroring="False").simple_bind(mx.cpu(), x=(4,)).debug_str()
    assert "in backward: 0 of" in net(mirror_stage="True").simple_bind(mx.cpu(), x=(4,)).debug_str()


def test_what_a_user_may_look_at_is_not_dropped(monkeypatch):
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    y = mx.sym.exp(mx.sym.var("x"), name="y")
    executor = mx.sym.Group([y, mx.sym.make_loss(mx.sym.sin(mx.sym.exp(y)))]).simple_bind(mx.cpu(), x=(2,))
    executor.forward(is_train=True)
    executor.backward([mx.nd.ones((2,)), mx.nd.ones((2,))])
    np.testing.assert_allclose(executor.outputs[0].asnumpy(), 1)


def test_custom_operators_run_once(monkeypatch):
    calls = []

    class Doubling(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            calls.append("forward")
            self.assign(out_data[0], req[0], in_data[0] * 2)

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], out_grad[0] * 2)

    @mx.operator.register("doubling_for_recompute")
    class DoublingProp(mx.operator.CustomOpProp):
        def create_operator(self, ctx, in_shapes, in_dtypes):
            return Doubling()

    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    x = mx.sym.exp(mx.sym.var("x"))
    net = mx.sym.make_loss(mx.sym.sin(mx.sym.exp(mx.sym.Custom(x, op_type="doubling_for_recompute"))))
    executor = net.simple_bind(mx.cpu(), x=(2,))
    executor.forward(is_train=True)
    executor.backward()
    assert calls == ["forward"]
    np.testing.assert_allclose(executor.grad_dict["x"].asnumpy(), np.cos(np.exp(2)) * np.exp(2) * 2, rtol=1e-5)


def test_dense_values_beside_sparse_ones(monkeypatch):
    def results():
        weight = mx.sym.var("weight", stype="row_sparse")
        rows = mx.sym.Embedding(mx.sym.var("data"), weight, input_dim=9, output_dim=4, sparse_grad=True)
        net = mx.sym.make_loss(mx.sym.sin(mx.sym.exp(mx.sym.tanh(mx.sym.exp(mx.sym.sum(rows, axis=1))))))
        executor = net.simple_bind(mx.cpu(), data=(3, 5), grad_req={"weight": "write"})
        executor.arg_dict["data"][:] = np.arange(15).reshape(3, 5) % 9
        mx.nd.array(np.arange(36).reshape(9, 4) / 40).tostype("row_sparse").copyto(executor.arg_dict["weight"])
        executor.forward(is_train=True)
        executor.backward()
        assert executor.grad_dict["weight"].stype == "row_sparse"
        return [executor.outputs[0].asnumpy(), executor.grad_dict["weight"].asnumpy()], executor._num_repeated

    kept, none = results()
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    repeated, some = results()
    assert some > none == 0
    assert_same_bits(repeated, kept)


def test_monitors_see_what_they_saw(monkeypatch):
    network = deep_network(3)

    def seen():
        executor = bound(network)
        names = []
        executor.set_monitor_callback(lambda name, array: names.append((name, array.asnumpy().tobytes())), True)
        mx.random.seed(4)
        executor.forward(is_train=True)
        executor.backward()
        return names

    expected = seen()
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    forward = [item for item in expected if "backward" not in item[0]]
    got = seen()
    assert [item for item in got if "backward" not in item[0]] == forward
    assert len(got) == len(expected)


def test_what_a_loop_reads_where_it_lies_is_kept(monkeypatch):
    def gradients():
        factor = mx.sym.exp(mx.sym.exp(mx.sym.var("factor")))

        def body(data, states):
            value = mx.sym.tanh(data * factor + states[0])
            return value, [mx.sym.sin(value * factor)]

        out, states = mx.sym.contrib.foreach(body, mx.sym.exp(mx.sym.var("data")), [mx.sym.var("begin")])
        net = mx.sym.make_loss(mx.sym.sin(mx.sym.exp(mx.sym.sum(out) + mx.sym.sum(states[0]))))
        executor = net.simple_bind(mx.cpu(), data=(5, 3), begin=(3,), factor=(3,))
        for i, array in enumerate(executor.arg_arrays):
            array[:] = np.linspace(-0.5, 0.4 + i / 10, array.size).reshape(array.shape)
        executor.forward(is_train=True)
        executor.backward()
        return [grad.asnumpy() for grad in executor.grad_arrays], executor._num_repeated

    kept, none = gradients()
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    repeated, some = gradients()
    assert some > none == 0
    assert_same_bits(repeated, kept)


def test_inference_does_not_change(monkeypatch):
    expected = bound(deep_network()).forward()[0].asnumpy()
    monkeypatch.setenv("MXTRAIN_MEMORY_BUDGET", "1")
    np.testing.assert_array_equal(bound(deep_network()).forward()[0].asnumpy(), expected)


def test_two_hundred_layers_in_a_third_of_the_memory():
    net = mx.sym.var("data")
    for i in range(200):
        net = mx.sym.FullyConnected(net, num_hidden=64, name=f"fc{i}")
        net = mx.sym.Activation(net, act_type="tanh", name=f"tanh{i}")
    net = mx.sym.LinearRegressionOutput(net, name="out")
    shapes = {"data": (256, 64), "out_label": (256, 64)}
    plain = mx.memonger.get_cost(net, **shapes)
    planned = mx.memonger.search_plan(net, budget=str(plain * 2**20 // 4), **shapes)
    least = mx.memonger.search_plan(net, **shapes)
    assert mx.memonger.get_cost(planned, **shapes) <= plain / 4
    assert mx.memonger.get_cost(least, **shapes) < mx.memonger.get_cost(planned, **shapes)
    assert "__force_mirroring__" not in net.tojson()
    # no operator runs more than twice
    executor = least.simple_bind(mx.cpu(), **shapes)
    repeated = [node.name for node in executor._plan.backward.nodes if node is not None and "repeats" in node.runtime]
    assert len(repeated) == len(set(repeated)) <= 400


def test_a_plan_survives_json():
    planned = mx.memonger.search_plan(deep_network(), **SHAPES)
    loaded = mx.sym.load_json(planned.tojson())
    assert mx.memonger.get_cost(loaded, **SHAPES) == mx.memonger.get_cost(planned, **SHAPES)
    assert nbytes(bound(loaded)) == nbytes(bound(planned)) < nbytes(bound(deep_network()))
    assert_same_bits(trained(bound(loaded)), trained(bound(deep_network())))


def test_segments_begin_where_the_user_wants():
    x = mx.sym.broadcast_mul(mx.sym.var("x"), mx.sym.var("scale", shape=(1,)))
    for i in range(40):
        with mx.AttrScope(**({"mirror_stage": "True"} if i % 10 == 9 else {})):
            x = mx.sym.sin(x, name=f"sin{i}")
    planned = mx.memonger.search_plan(mx.sym.make_loss(x), x=(1000,))
    marked = [name for name, attrs in planned.attr_dict().items() if "force_mirroring" in attrs]
    assert {f"sin{i}" for i in range(30) if i % 10 != 9} <= set(marked)
    assert not {"sin9", "sin19", "sin29", "sin39"} & set(marked)


@pytest.mark.parametrize(
    ("text", "expected"), [("5", 5), ("2K", 2048), ("1.5M", 3 << 19), ("2 GiB", 2 << 30), ("1t", 1 << 40)]
)
def test_sizes_in_words(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-3", "5X", "1e9"])
def test_sizes_that_are_none(text, monkeypatch):
    with pytest.raises(mx.MXNetError, match="Expected: a number of bytes"):
        parse_bytes(text)
    if text:
        monkeypatch.setenv("MXTRAIN_MEMORY_BUDGET", text)
        with pytest.raises(mx.MXNetError, match="Expected: a number of bytes"):
            Policy.from_environment()
