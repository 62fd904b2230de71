"""plot_network: the text of the picture is what MXNet 1.9.1 writes."""

import builtins
import pathlib
import warnings

import pytest

import mxtrain as mx
from mxtrain.base import MXNetError

_EXPECTED = pathlib.Path(__file__).with_name("network.dot").read_text()


def _network():
    net = mx.sym.Variable("data")
    net = mx.sym.Convolution(net, name="c", num_filter=4, kernel=(3, 3), stride=(2, 2))
    net = mx.sym.BatchNorm(net, name="b")
    net = mx.sym.Activation(net, act_type="relu", name="r")
    net = mx.sym.Pooling(net, name="p", kernel=(2, 2), stride=(2, 2), pool_type="max")
    net = mx.sym.Flatten(net, name="fl")
    net = mx.sym.FullyConnected(net, num_hidden=3, name="f")
    return mx.sym.SoftmaxOutput(net, name="softmax")


def test_the_source_with_shapes():
    pytest.importorskip("graphviz")
    assert mx.viz.plot_network(_network(), shape={"data": (1, 1, 28, 28)}).source == _EXPECTED


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
    with pytest.raises(ValueError, match="incomplete"):
        mx.viz.plot_network(_network(), shape={})
