"""Blocks: names, members, hooks, the table of layers."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import gluon, nd
from mxtrain.gluon import nn
from mxtrain.gluon.errors import CheckError


class Two(gluon.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.first = nn.Dense(3)
            self.second = nn.Dense(2)

    def forward(self, x):
        return self.second(self.first(x))


class TestNames:
    def test_numbered_within_the_name_manager(self):
        with mx.name.NameManager():
            assert [nn.Dense(1).prefix for _ in range(2)] == ["dense0_", "dense1_"]
            assert Two().second.weight.name == "two0_dense1_weight"
            assert Two().name == "two1"

    def test_numbered_within_a_scope(self):
        net = nn.Sequential(prefix="net_")
        with net.name_scope():
            net.add(nn.Dense(1), nn.Dense(1, prefix="last_"), nn.Dense(1))
        assert [block.prefix for block in net] == ["net_dense0_", "net_last_", "net_dense1_"]

    def test_a_scope_goes_on_numbering(self):
        net = nn.Sequential(prefix="net_")
        for number in range(2):
            with net.name_scope():
                assert nn.Dense(1).prefix == f"net_dense{number}_"

    def test_an_empty_prefix_leaves_the_scope_as_it_is(self):
        outer = nn.Sequential(prefix="outer_")
        with outer.name_scope():
            inner = nn.Sequential(prefix="")
            with inner.name_scope():
                assert nn.Dense(1).prefix == "outer_dense0_"

    def test_a_prefix_of_the_name_manager(self):
        with mx.name.Prefix("mine_"):
            assert nn.Dense(1).prefix == "mine_dense0_"

    def test_nested_scopes(self):
        with mx.name.NameManager():
            net = nn.Sequential()
            with net.name_scope():
                two = Two()
            assert two.first.weight.name == "sequential0_two0_dense0_weight"

    def test_operators_are_named_below_their_block(self):
        net = nn.HybridSequential(prefix="net_")
        with net.name_scope():
            net.add(nn.Dense(2, activation="relu"), nn.HybridLambda(lambda F, x: F.exp(x)))
        internals = net(mx.sym.var("data")).get_internals().list_outputs()
        assert internals[-3:] == [
            "net_dense0_fwd_output",
            "net_dense0_relu_fwd_output",
            "net_hybridlambda0_exp0_output",
        ]


class TestMembers:
    def test_attributes_are_registered(self):
        net = Two(prefix="two_")
        assert list(net._children) == ["first", "second"]
        assert list(net.collect_params()) == [f"two_dense{i}_{kind}" for i in (0, 1) for kind in ("weight", "bias")]
        assert list(net.collect_params(".*bias")) == ["two_dense0_bias", "two_dense1_bias"]
        assert list(net._collect_params_with_prefix()) == [
            f"{name}.{kind}" for name in ("first", "second") for kind in ("weight", "bias")
        ]

    def test_another_block_takes_its_place(self):
        net = Two()
        net.first = replacement = nn.Dense(7)
        assert net._children["first"] is replacement

    def test_a_block_stays_a_block(self):
        net = Two()
        with pytest.raises(TypeError, match="Changing attribute type for first"):
            net.first = 3
        net.plain = None
        net.plain = 3

    def test_a_parameter_stays_itself(self):
        net = nn.Dense(1)
        with pytest.raises(CheckError, match="Overriding Parameter attribute weight is not allowed"):
            net.weight = gluon.Parameter("other")

    def test_hidden_blocks_are_warned_of(self):
        class Hidden(gluon.Block):
            def __init__(self):
                super().__init__()
                self.layers = {"a": [nn.Dense(1)]}

        with pytest.warns(UserWarning, match=r'"Hidden.layers" is an unregistered container with Blocks'):
            Hidden().collect_params()

    def test_hybrid_blocks_hold_hybrid_ones_only(self):
        with pytest.raises(ValueError, match=r"Children of HybridBlock must also be HybridBlock, but Two"):
            nn.HybridSequential().add(Two())

    def test_apply_goes_from_below(self):
        seen = []
        net = Two(prefix="two_")
        assert net.apply(lambda block: seen.append(block.name)) is net
        assert seen == ["two_dense0", "two_dense1", "two"]

    def test_representation(self):
        assert repr(Two()) == "Two(\n  (first): Dense(None -> 3, linear)\n  (second): Dense(None -> 2, linear)\n)"

    def test_slices_share_the_blocks(self):
        net = nn.HybridSequential()
        net.add(*(nn.Dense(n) for n in (1, 2, 3)))
        part = net[1:]
        assert isinstance(part, nn.HybridSequential)
        assert [part[0], part[1]] == [net[1], net[-1]]
        assert len(part) == 2

    def test_parameters_are_shared(self):
        one = Two(prefix="one_")
        other = Two(prefix="two_", params=one.collect_params())
        one.initialize(mx.init.Constant(0.5))
        assert (other(nd.ones((1, 4))).asnumpy() == one(nd.ones((1, 4))).asnumpy()).all()
        assert other.first.weight is one.first.weight


class TestHooks:
    def test_before_and_after(self):
        seen = []
        net = nn.Dense(2)
        net.initialize()
        before = net.register_forward_pre_hook(lambda block, inputs: seen.append(("before", block, inputs)))
        after = net.register_forward_hook(lambda block, inputs, out: seen.append(("after", block, inputs, out)))
        x = nd.ones((1, 3))
        out = net(x)
        assert seen == [("before", net, (x,)), ("after", net, (x,), out)]
        before.detach()
        before.detach()
        with after:
            net(x)
        net(x)
        assert [entry[0] for entry in seen] == ["before", "after", "after"]

    def test_operators_of_hybridized_blocks(self):
        seen = []
        net = nn.HybridSequential(prefix="net_")
        with net.name_scope():
            net.add(nn.Dense(2, activation="relu"))
        net.initialize()
        net.hybridize()
        net.register_op_hook(lambda name, operator, array: seen.append((name, operator, array.shape)))
        net(nd.ones((3, 4)))
        assert seen == [
            ("net_dense0_fwd_output", "FullyConnected", (3, 2)),
            ("net_dense0_relu_fwd_output", "Activation", (3, 2)),
        ]


SUMMARY = """\
--------------------------------------------------------------------------------
        Layer (type)                                Output Shape         Param #
================================================================================
               Input                                      (2, 3)               0
        Activation-1                                      (2, 4)               0
             Dense-2                                      (2, 4)              16
         BatchNorm-3                                      (2, 4)              16
           Dropout-4                                      (2, 4)               0
================================================================================
Parameters in forward computation graph, duplicate included
   Total params: 32
   Trainable params: 24
   Non-trainable params: 8
Shared params in forward computation graph: 0
Unique parameters in model: 32
--------------------------------------------------------------------------------
"""


class TestSummary:
    def test_table(self, capsys):
        net = nn.HybridSequential()
        net.add(nn.Dense(4, activation="relu"), nn.BatchNorm(), nn.Dropout(0.1))
        net.initialize()
        net.summary(nd.ones((2, 3)))
        assert capsys.readouterr().out == SUMMARY  # what MXNet 1.9.1 prints
        assert not net[0]._forward_hooks

    def test_shared_parameters_count_once(self, capsys):
        first = nn.Dense(3, in_units=3)
        net = nn.Sequential()
        net.add(first, nn.Dense(3, in_units=3, params=first.params))
        net.initialize()
        net.summary(nd.ones((2, 3)))
        printed = capsys.readouterr().out
        assert "Shared params in forward computation graph: 12\nUnique parameters in model: 12" in printed

    def test_a_hybridized_network_has_no_layers_to_watch(self):
        net = nn.Dense(1)
        net.initialize()
        net.hybridize()
        with pytest.raises(AssertionError, match="must not be hybridized"):
            net.summary(nd.ones((1, 1)))


def test_sequential_hands_several_values_on():
    class Twice(gluon.Block):
        def forward(self, x):
            return x, 2 * x

    class Sum(gluon.Block):
        def forward(self, x, y):
            return x + y

    net = nn.Sequential()
    net.add(Twice(), Sum())
    assert net(nd.ones(2)).asnumpy().tolist() == [3, 3]
    last = nn.Sequential()
    last.add(Twice())
    assert [part.asnumpy()[0] for part in last(nd.ones(1))] == [1, 2]


def test_sequential_of_hybrid_blocks_is_warned_of():
    net = nn.Sequential()
    net.add(nn.Dense(1))
    with pytest.warns(UserWarning, match="Consider using HybridSequential"):
        net.hybridize()


def test_casting_leaves_batch_normalization_in_float32():
    net = nn.HybridSequential()
    net.add(nn.Dense(4, in_units=3), nn.BatchNorm(in_channels=4))
    net.initialize()
    net.cast("float16")
    assert net[0].weight.data().dtype == np.float16
    assert net[1].gamma.data().dtype == np.float32
    assert net(nd.ones((2, 3), dtype="float16")).dtype == np.float16


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.LeakyReLU(-1), "no less than 0"),
        (lambda: nn.Conv2D(1, (2, 2, 2)), "list of 2 ints"),
        (lambda: nn.Conv2D(1, 2, layout="NWCH"), "layout"),
        (lambda: nn.MaxPool1D(layout="NCHW"), "layouts are valid for 1D Pooling"),
        (lambda: nn.Lambda("no_such_function"), "Function name no_such_function is not found"),
        (lambda: nn.HybridLambda(3), "Unrecognized function in lambda: 3"),
        (lambda: nn.ReflectionPad2D((1, 2)), "eight"),
        (lambda: gluon.rnn.LSTM(3, layout="NCT"), "Invalid layout NCT"),
        (lambda: gluon.loss.CTCLoss(layout="NCT"), "NCT"),
        (lambda: gluon.loss.LogisticLoss(label_format="other"), "signed or binary"),
    ],
)
def test_wrong_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()
