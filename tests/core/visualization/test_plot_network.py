"""plot_network: the text of the picture is what MXNet 1.9.1 writes."""

import builtins
import warnings

import pytest

import mxtrain as mx
from mxtrain.base import MXNetError


def _network():
    net = mx.sym.Variable("data")
    net = mx.sym.Convolution(net, name="c", num_filter=4, kernel=(3, 3), stride=(2, 2))
    net = mx.sym.BatchNorm(net, name="b")
    net = mx.sym.Activation(net, act_type="relu", name="r")
    net = mx.sym.Pooling(net, name="p", kernel=(2, 2), stride=(2, 2), pool_type="max")
    net = mx.sym.Flatten(net, name="fl")
    net = mx.sym.FullyConnected(net, num_hidden=3, name="f")
    return mx.sym.SoftmaxOutput(net, name="softmax")


_SOURCE = """\
digraph plot {
	data [label=data fillcolor="#8dd3c7" fixedsize=true height=0.8034 shape=oval style=filled width=1.3]
	c [label="Convolution
3x3/2x2, 4" fillcolor="#fb8072" fixedsize=true height=0.8034 shape=box style=filled width=1.3]
	b [label=b fillcolor="#bebada" fixedsize=true height=0.8034 shape=box style=filled width=1.3]
	r [label="Activation
relu" fillcolor="#ffffb3" fixedsize=true height=0.8034 shape=box style=filled width=1.3]
	p [label="Pooling
max, 2x2/2x2" fillcolor="#80b1d3" fixedsize=true height=0.8034 shape=box style=filled width=1.3]
	fl [label=fl fillcolor="#fdb462" fixedsize=true height=0.8034 shape=box style=filled width=1.3]
	f [label="FullyConnected
3" fillcolor="#fb8072" fixedsize=true height=0.8034 shape=box style=filled width=1.3]
	softmax_label [label=softmax_label fillcolor="#8dd3c7" fixedsize=true height=0.8034 shape=oval style=filled width=1.3]
	softmax [label=softmax fillcolor="#fccde5" fixedsize=true height=0.8034 shape=box style=filled width=1.3]
	c -> data [label="1x28x28" arrowtail=open dir=back]
	b -> c [label="4x13x13" arrowtail=open dir=back]
	r -> b [label="4x13x13" arrowtail=open dir=back]
	p -> r [label="4x13x13" arrowtail=open dir=back]
	fl -> p [label="4x6x6" arrowtail=open dir=back]
	f -> fl [label=144 arrowtail=open dir=back]
	softmax -> f [label=3 arrowtail=open dir=back]
	softmax -> softmax_label [label="" arrowtail=open dir=back]
}
"""


def test_the_source_with_shapes():
    pytest.importorskip("graphviz")
    assert mx.viz.plot_network(_network(), shape={"data": (1, 1, 28, 28)}).source == _SOURCE


def test_without_shapes_with_weights_and_own_attributes():
    pytest.importorskip("graphviz")
    dot = mx.viz.plot_network(_network(), "T", "png", node_attrs={"shape": "star"}, hide_weights=False)
    assert (dot.name, dot.format) == ("T", "png")
    assert 'c -> c_weight [label=""' in dot.source
    assert "b_moving_mean" in dot.source
    assert dot.source.count("shape=star") == 7


def test_equal_names_are_warned_of():
    pytest.importorskip("graphviz")
    net = mx.sym.FullyConnected(mx.sym.Variable("data"), name="fc", num_hidden=8)
    net = mx.sym.FullyConnected(net, name="fc", num_hidden=8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mx.viz.plot_network(net, node_attrs={"fixedsize": "false"})
    assert len(caught) == 1
    assert "There are multiple variables with the same name in your graph" in str(caught[0].message)
    assert "fc" in str(caught[0].message)


def test_a_missing_library_is_named(monkeypatch):
    real_import = builtins.__import__

    def without_graphviz(name, *args, **kwargs):
        if name == "graphviz":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_graphviz)
    with pytest.raises(ImportError, match=r"requires graphviz library.*mxtrain\[viz\]") as caught:
        mx.viz.plot_network(_network())
    assert isinstance(caught.value, MXNetError)


def test_wrong_arguments_are_named():
    pytest.importorskip("graphviz")
    with pytest.raises(TypeError, match="symbol must be a Symbol"):
        mx.viz.plot_network(3)
    with pytest.raises(TypeError, match="node_attrs as a dict"):
        mx.viz.plot_network(_network(), node_attrs=3)
    with pytest.warns(UserWarning, match="Cannot decide shape"), pytest.raises(ValueError, match="incomplete"):
        mx.viz.plot_network(_network(), shape={})
