"""Loops and branches as JSON: read from MXNet 1.9.1's files, and written as it writes them."""

import json
import pathlib
import re

import control_flow_networks as networks
import numpy as np
import pytest

import mxtrain as mx

ORACLE = pathlib.Path(__file__).parent / "oracle"
every_network = pytest.mark.parametrize("name", networks.NETWORKS)


@pytest.fixture
def fresh_names():
    mx.AttrScope._subgraph_names.clear()
    with mx.name.NameManager():
        yield


def outputs_of_mxnet(name):
    values = np.load(ORACLE / "outputs.npz")
    return [values[key] for key in sorted(values.files) if key.startswith(f"{name}_")]


@every_network
def test_computes_what_mxnet_computes(name):
    symbol = mx.sym.load(str(ORACLE / f"{name}.json"))
    outputs = networks.bind_filled(mx, symbol, name).forward(is_train=False)
    for output, wished in zip(outputs, outputs_of_mxnet(name), strict=True):
        np.testing.assert_allclose(output.asnumpy(), wished, rtol=1e-5, atol=1e-6)


@every_network
def test_a_file_of_mxnet_is_written_back_as_it_was(name):
    text = (ORACLE / f"{name}.json").read_text()
    assert mx.sym.load_json(text).tojson() == text


@every_network
def test_what_we_describe_is_written_as_mxnet_writes_it(name, fresh_names):
    text = networks.NETWORKS[name](mx).tojson()
    theirs = mx.sym.load(str(ORACLE / f"{name}.json"))
    assert _without_numbers(text) == _without_numbers(theirs.tojson())


def _without_numbers(text):
    """A graph without the counts in names, which MXNet goes on with over its whole run."""

    def strip(graph):
        for node in graph["nodes"]:
            node["name"] = re.sub("[0-9]", "", node["name"])
            node.get("attrs", {}).pop("__subgraph_name__", None)
            for part in node.get("subgraphs", ()):
                strip(part)
        return graph

    return strip(json.loads(text))


@every_network
def test_attributes_and_arguments_survive(name):
    symbol = networks.NETWORKS[name](mx)
    again = mx.sym.load_json(symbol.tojson())
    assert again.tojson() == symbol.tojson()
    assert again.list_arguments() == symbol.list_arguments()
    assert again.list_outputs() == symbol.list_outputs()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda node: node.update(subgraphs=[{"nodes": []}]), "nodes"),
        (lambda node: node.update(subgraphs=[3]), "nodes"),
        (lambda node: node.update(subgraphs=3), "node 2"),
        (lambda node: node["attrs"].update(in_data_locs="[5]"), "places"),
        (lambda node: node["attrs"].update(num_args="x"), "num_args"),
        (lambda node: node["attrs"].update(num_out_data="9"), "outputs"),
        (lambda node: node["attrs"].update(num_outputs="9"), "outputs"),
        (lambda node: node.pop("subgraphs"), "1 graph"),
    ],
)
def test_a_broken_file_is_refused(change, message):
    out, _ = mx.sym.contrib.foreach(lambda d, s: (d * s, s), mx.sym.var("x"), mx.sym.var("s"))
    graph = json.loads(out.tojson())
    change(next(node for node in graph["nodes"] if node["op"] == "_foreach"))
    with pytest.raises(mx.MXNetError, match=message):
        mx.sym.load_json(json.dumps(graph)).infer_shape(x=(2, 3), s=(3,))


def test_a_graph_as_json_becomes_a_part_of_another():
    inner = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc") * 2
    x, w, b = (mx.sym.var(name) for name in "xwb")
    outer = mx.sym._internal._CachedOp(x + 1, w, b, subgraph=inner.tojson()) + 1
    assert outer.list_arguments() == ["x", "w", "b"]
    assert outer.infer_shape(x=(4, 3))[0] == [(4, 3), (2, 3), (2,)]
    with pytest.raises(mx.MXNetError, match=r"expected 3 symbols.*Received: 1"):
        mx.sym._internal._CachedOp(x, subgraph=inner.tojson())
