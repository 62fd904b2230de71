"""Hybridized blocks: the same as imperative ones, compiled once, told apart by their inputs' structure."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxtrain as mx
from mxtrain import autograd, gluon, nd
from mxtrain.gluon import nn
from mxtrain.test_utils import check_gluon_hybridize_consistency

LAYERS = {
    "dense": lambda n: nn.Dense(n, flatten=False),
    "dense_tanh": lambda n: nn.Dense(n, activation="tanh"),
    "batch_norm": lambda n: nn.BatchNorm(),
    "layer_norm": lambda n: nn.LayerNorm(),
    "swish": lambda n: nn.Swish(),
    "elu": lambda n: nn.ELU(),
    "square": lambda n: nn.HybridLambda(lambda F, x: x * x),
    "concat": lambda n: nn.HybridLambda(lambda F, x: F.concat(x, -x, dim=1)),
    "flatten": lambda n: nn.Flatten(),
}


@settings(max_examples=30, deadline=None)
@given(
    names=st.lists(st.tuples(st.sampled_from(sorted(LAYERS)), st.integers(1, 4)), min_size=1, max_size=5),
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=3),
)
def test_hybridized_networks_equal_imperative_ones(names, shape):
    def build(prefix):
        net = nn.HybridSequential(prefix=prefix)
        with net.name_scope():
            net.add(*(LAYERS[name](n) for name, n in names))
        return net

    mx.random.seed(1)
    data = nd.array(np.random.RandomState(0).uniform(-1, 1, (*shape[:1], *shape[1:])))
    check_gluon_hybridize_consistency(build, [data], rtol=1e-3, atol=1e-4)


class AddOrPass(gluon.HybridBlock):
    def hybrid_forward(self, F, a, b=None):
        return a if b is None else b if a is None else a + b


class Nested(gluon.HybridBlock):
    """Takes and gives nested lists."""

    def hybrid_forward(self, F, x, pair):
        return [x + pair[0], (x * pair[1], pair[0])]


class TestStructure:
    def test_nested(self):
        x, y, z = nd.array([1, 2]), nd.array([3, 4]), nd.array([5, 6])
        block = Nested()
        for hybridize in (False, True):
            block.hybridize(hybridize)
            first, (second, third) = block(x, [y, z])
            assert [part.asnumpy().tolist() for part in (first, second, third)] == [[4, 6], [5, 12], [3, 4]]

    def test_none(self):
        ones = nd.ones(2)
        block = AddOrPass()
        block.hybridize()
        assert block(ones).asnumpy().tolist() == [1, 1]
        assert block(ones, None).asnumpy().tolist() == [1, 1]
        with pytest.raises(ValueError, match="argument structure of HybridBlock does not match"):
            block(ones, ones)
        other = AddOrPass()
        other.hybridize()
        assert other(None, ones).asnumpy().tolist() == [1, 1]
        with pytest.raises(ValueError, match="must be one NDArray or one Symbol"):
            other(None, None)

    def test_mixtures(self):
        block = AddOrPass()
        with pytest.raises(ValueError, match="do not support mixed NDArrays and Symbols"):
            block(nd.ones(1), mx.sym.var("a"))
        with pytest.raises(ValueError, match="must be one NDArray or one Symbol"):
            block(1, 2)
        assert block(nd.ones(1), 1).asscalar() == 2
        block.hybridize()
        with pytest.raises(ValueError, match=r"must be .nested. list of Symbol or NDArray, but got 1"):
            block(nd.ones(1), 1)
        with pytest.raises(ValueError, match="multiple contexts"):
            block(nd.ones(1, ctx=mx.cpu(0)), nd.ones(1, ctx=mx.cpu(1)))

    def test_several_outputs_of_one_operator(self):
        block = nn.HybridLambda(lambda F, x: F.split(x, num_outputs=2, axis=0))
        for hybridize in (False, True):
            block.hybridize(hybridize)
            assert [part.shape for part in block(nd.ones((4, 1)))] == [(2, 1), (2, 1)]

    def test_symbols_go_through(self):
        net = nn.HybridSequential()
        net.add(nn.Dense(2), nn.Dense(3))
        net.hybridize()
        out = net(mx.sym.var("x"))
        assert out.infer_shape(x=(4, 5))[1] == [(4, 3)]


class TestGraph:
    def test_traced_once_and_again_when_members_change(self):
        traced = []
        net = nn.HybridSequential()
        net.add(nn.Dense(2, flatten=False), nn.HybridLambda(lambda F, x: (traced.append(F), x)[1]))
        net.initialize()
        net.hybridize()
        for size in (1, 2, 2):
            net(nd.ones((size, 3, 4)))
        assert traced == [mx.sym]
        net.add(nn.Flatten())
        assert net(nd.ones((2, 3, 4))).shape == (2, 6)
        assert len(traced) == 2

    def test_shapes_are_found_through_the_whole_graph(self):
        net = nn.HybridSequential()
        net.add(nn.Conv2D(4, 2, padding=1), nn.BatchNorm(), nn.Dense(3))
        net.initialize()
        net.hybridize()
        net(nd.ones((2, 3, 5, 7)))
        assert net[0].weight.shape == (4, 3, 2, 2)
        assert net[1].running_mean.shape == (4,)
        assert net[2].weight.shape == (3, 4 * 6 * 8)

    def test_batch_normalization_moves_its_statistics(self):
        moved = []
        for hybridize in (False, True):
            layer = nn.BatchNorm(in_channels=2)
            layer.initialize()
            layer.hybridize(hybridize)
            with autograd.record():
                layer(nd.array([[1, 2], [3, 6]])).sum().backward()
            moved.append((layer.running_mean.data().asnumpy().tolist(), layer.running_var.data().asnumpy().tolist()))
        np.testing.assert_allclose(moved[0], [[0.2, 0.4], [1, 1.3]], rtol=1e-6)  # as in MXNet
        np.testing.assert_allclose(moved[1], moved[0], rtol=1e-6)

    def test_dropout_draws_anew_and_only_in_training(self):
        layer = nn.Dropout(0.5)
        layer.hybridize()
        x = nd.ones((50, 50))
        with autograd.record():
            one, other = layer(x), layer(x)
        assert (one.asnumpy() != other.asnumpy()).any()
        assert (layer(x).asnumpy() == 1).all()

    def test_gradients_accumulate_over_calls(self):
        net = nn.Dense(2, in_units=3)
        net.initialize()
        net.hybridize()
        x = nd.ones((1, 3))
        with autograd.record():
            (net(x) + net(x)).sum().backward()
        assert (net.weight.grad().asnumpy() == 2).all()
        net.weight.grad_req = "add"
        for _ in range(2):
            with autograd.record():
                net(x).sum().backward()
        assert (net.weight.grad().asnumpy() == 2).all()

    def test_values_that_are_set_count(self):
        net = nn.Dense(1, in_units=1, use_bias=False)
        net.initialize(mx.init.One())
        net.hybridize()
        assert net(nd.ones((1, 1))).asscalar() == 1
        net.weight.set_data(nd.full((1, 1), 3))
        assert net(nd.ones((1, 1))).asscalar() == 3
        net.initialize(mx.init.Constant(5), force_reinit=True)
        assert net(nd.ones((1, 1))).asscalar() == 5

    def test_each_context_has_its_own_parameters(self):
        net = nn.Dense(1, in_units=1, use_bias=False)
        net.initialize(mx.init.One(), ctx=[mx.cpu(0), mx.cpu(1)])
        net.hybridize()
        net.weight.data(mx.cpu(1))[:] = 4
        assert [net(nd.ones((1, 1), ctx=ctx)).asscalar() for ctx in (mx.cpu(0), mx.cpu(1))] == [1, 4]

    def test_what_nothing_uses_is_warned_of(self):
        class Lazy(gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                self.weight = self.params.get("weight", shape=(1,))

            def hybrid_forward(self, F, x, y, weight):
                return x * 2

        block = Lazy()
        block.initialize()
        block.hybridize()
        with (
            pytest.warns(UserWarning, match="The 1-th input to HybridBlock is not used"),
            pytest.warns(UserWarning, match="weight is not used by any computation"),
        ):
            block(nd.ones(1), nd.ones(1))

    def test_hooks_of_children_are_warned_of(self):
        layer = nn.Dense(1)
        layer.register_forward_hook(lambda *_: None)
        with pytest.warns(UserWarning, match="still having forward hook"):
            layer.hybridize()

    def test_an_impossible_shape(self):
        for hybridize in (False, True):
            layer = nn.LayerNorm(in_channels=10)
            layer.initialize()
            layer.hybridize(hybridize)
            with pytest.raises(mx.MXNetError):
                layer(nd.ones((2, 11)))
            net = nn.Dense(3, in_units=4)
            net.initialize()
            with pytest.raises(mx.MXNetError):
                net(nd.ones((2, 5)))

    def test_a_shape_that_nothing_tells(self):
        class Plus(gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                self.shift = self.params.get("shift", allow_deferred_init=True)

            def hybrid_forward(self, F, x, shift):
                return F.broadcast_add(x, shift)

        for hybridize in (False, True):
            block = Plus()
            block.initialize()
            block.hybridize(hybridize)
            with pytest.raises(AssertionError, match="shift' because it has invalid shape: None"):
                block(nd.ones((1, 2)))

    def test_not_initialized(self):
        for hybridize in (False, True):
            net = nn.Dense(2)
            net.hybridize(hybridize)
            with pytest.raises(mx.MXNetError, match="has not been initialized"):
                net(nd.ones((1, 2)))

    def test_infer_shape_and_type(self):
        net = nn.Dense(2)
        net.infer_shape(nd.ones((1, 5)))
        assert net.weight.shape == (2, 5)
        with pytest.raises(TypeError, match="Expected: dtype float64"):  # the parameters are declared float32
            net.infer_type(nd.ones((1, 5), dtype="float64"))
        net.infer_type(nd.ones((1, 5)))
        assert np.dtype(net.bias.dtype) == np.float32

    def test_optimize_for_without_a_backend_compiles(self):
        net = nn.Dense(2)
        net.initialize()
        net.optimize_for(nd.ones((1, 3)))
        assert net._cached_op is not None
        assert net(nd.ones((1, 3))).shape == (1, 2)


class TestSymbolBlock:
    def made(self):
        net = nn.HybridSequential(prefix="net_")
        with net.name_scope():
            net.add(nn.Dense(4, activation="relu"), nn.BatchNorm(), nn.Dense(3))
        net.initialize()
        return net

    def test_a_network_cut_at_inner_outputs(self):
        net, data = self.made(), mx.sym.var("data")
        internals = net(data).get_internals()
        block = gluon.SymbolBlock([internals["net_dense0_relu_fwd_output"], net(data)], data, net.collect_params())
        x = nd.ones((2, 5))
        features, out = block(x)
        np.testing.assert_allclose(out.asnumpy(), net(x).asnumpy(), rtol=1e-5)
        assert features.shape == (2, 4)
        composed = block(mx.sym.var("other"))
        assert [part.list_arguments()[0] for part in composed] == ["other", "other"]

    def test_inside_another_block(self):
        net, data = self.made(), mx.sym.var("data")
        block = gluon.SymbolBlock(net(data), data, net.collect_params())
        outer = nn.HybridSequential()
        outer.add(block, nn.Dense(1))
        outer[1].initialize()
        outer.hybridize()
        assert outer(nd.ones((2, 5))).shape == (2, 1)
        with autograd.record():
            outer(nd.ones((2, 5))).sum().backward()
        assert net.collect_params()["net_dense1_weight"].grad().shape == (3, 4)

    def test_parameters_learn_their_types(self):
        data = mx.sym.var("data", dtype="float64")
        block = gluon.SymbolBlock(mx.sym.FullyConnected(data, num_hidden=2, name="fc"), data)
        assert np.dtype(block.params["fc_weight"].dtype) == np.float64
        block.cast("float16")
        assert np.dtype(block.params["fc_weight"].dtype) == np.float16

    def test_float16_spares_batch_normalization(self):
        net, data = self.made(), mx.sym.var("data")
        block = gluon.SymbolBlock(net(data), data)
        block.cast("float16")
        dtypes = {name: np.dtype(p.dtype).name for name, p in block.params.items()}
        assert dtypes["net_dense0_weight"] == "float16"
        assert {dtypes[f"net_batchnorm0_{name}"] for name in ("gamma", "beta", "running_mean")} == {"float32"}

    def test_what_it_refuses(self):
        data = mx.sym.var("data")
        with pytest.raises(AssertionError, match="Input symbols must be variable"):
            gluon.SymbolBlock(mx.sym.exp(data), mx.sym.relu(data))
        weight = mx.sym.var("weight", stype="row_sparse")
        with pytest.raises(AssertionError, match="doesn't support Parameter 'weight'"):
            gluon.SymbolBlock(mx.sym.dot(data, weight), data)

    def test_representation(self):
        data = mx.sym.var("data")
        block = gluon.SymbolBlock(mx.sym.exp(data, name="e"), data)
        assert repr(block) == "SymbolBlock(\n<Symbol group [e]> : 1 -> 1\n)" or "<Symbol e>" in repr(block)


class TestCopies:
    @pytest.mark.parametrize("hybridize", [False, True])
    def test_they_train_by_themselves(self, hybridize):
        net = nn.HybridSequential()
        net.add(nn.Dense(2, in_units=3), nn.BatchNorm(in_channels=2))
        net.initialize()
        net.hybridize(hybridize)
        x = nd.array([[1, 2, 3], [3, 1, 2]])
        before = net(x).asnumpy()
        other = copy.deepcopy(net)
        assert other[0].weight is not net[0].weight
        assert other[0].weight is other.collect_params()[net[0].weight.name]
        assert (other(x).asnumpy() == before).all()
        trainer = gluon.Trainer(other.collect_params(), "sgd", {"learning_rate": 1.0})
        with autograd.record():
            (other(x) * nd.array([[1, 2]])).sum().backward()
        trainer.step(1)
        assert (net(x).asnumpy() == before).all()
        assert (other(x).asnumpy() != before).any()

    def test_of_symbols(self):
        data = mx.sym.var("data")
        block = gluon.SymbolBlock(mx.sym.FullyConnected(data, num_hidden=2, name="fc"), data)
        block.initialize()
        x = nd.ones((1, 3))
        assert (copy.deepcopy(block)(x).asnumpy() != block(x).asnumpy()).any()  # each found its shape out by itself
        assert (copy.deepcopy(block)(x).asnumpy() == block(x).asnumpy()).all()


def test_json_of_a_hybrid_network_is_that_of_the_module_api():
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(nn.Dense(2), nn.Dense(3))
    graph = json.loads(net(mx.sym.var("data")).tojson())
    assert [node["name"] for node in graph["nodes"] if node["op"] != "null"] == ["net_dense0_fwd", "net_dense1_fwd"]
