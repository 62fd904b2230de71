"""JSON texts of symbols: older layouts, NumPy's shape semantics, and texts that are wrong."""

import json
import pathlib

import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError, MXNetError, NameLookupError

FOLDER = pathlib.Path(__file__).parent / "older_versions"


def graph_of(text):
    graph = json.loads(text)
    return [(node["op"], node["name"], [entry[:2] for entry in node["inputs"]]) for node in graph["nodes"]]


@pytest.mark.parametrize("version", ["0.6", "0.8", "0.9", "0.11", "1.2"])
def test_every_older_layout_is_read(version):
    """One network (data, conv with lr_mult 2 on its weight, BatchNorm, SoftmaxOutput), as each layout writes it."""
    net = mx.sym.load(str(FOLDER / f"mxnet-{version}.json"))
    assert net.list_arguments() == ["data", "conv_weight", "bn_gamma", "bn_beta", "softmax_label"]
    assert net.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    assert net.list_outputs() == ["softmax_output"]
    attributes = net.attr_dict()
    assert attributes["conv_weight"]["lr_mult"] == "2"
    assert attributes["conv"]["kernel"] == "(3, 3)"
    assert net.infer_shape(data=(2, 3, 8, 8))[1] == [(2, 4, 6, 6)]
    executor = net.simple_bind(mx.cpu(), data=(2, 3, 8, 8))
    executor.forward(is_train=True)
    executor.backward()


def test_what_was_read_from_an_old_file_is_written_in_todays_layout():
    texts = {mx.sym.load(str(path)).tojson() for path in FOLDER.glob("*.json")}
    graphs = [graph_of(text) for text in texts]
    assert all(graph == graphs[0] for graph in graphs)
    assert all(json.loads(text)["attrs"] == {"mxnet_version": ["int", 10901]} for text in texts)


def net_with_unknown_size(size):
    weight = mx.sym.var("weight", shape=(4, size))
    return mx.sym.FullyConnected(mx.sym.var("data"), weight, num_hidden=4)


def test_numpys_shape_semantics_are_written_and_older_texts_read_under_it():
    old = net_with_unknown_size(0).tojson()
    with mx.np_shape():
        new = net_with_unknown_size(-1).tojson()
        assert json.loads(new)["attrs"] == {"is_np_shape": ["int", 1], "mxnet_version": ["int", 10901]}
        for text in (old, new):
            assert mx.sym.load_json(text).infer_shape(data=(2, 3))[0][1] == (4, 3)
    assert mx.sym.load_json(old).infer_shape(data=(2, 3))[0][1] == (4, 3)


def text_of(*nodes, heads=((1, 0, 0),)):
    """The JSON of a variable and further nodes (operator, inputs, attributes)."""
    records = [{"op": "null", "name": "x", "inputs": []}]
    records += [{"op": op, "name": "s", "attrs": attrs, "inputs": inputs} for op, inputs, attrs in nodes]
    return json.dumps({"nodes": records, "heads": heads})


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", ArgumentError, "not JSON"),
        ('{"nodes": [', ArgumentError, "not JSON"),
        ("[" * 100000, ArgumentError, "nested too deeply|not JSON"),
        ("[]", ArgumentError, '"nodes" and "heads"'),
        ('{"nodes": [], "heads": []}', ArgumentError, '"nodes" and "heads"'),
        (text_of(heads=[[1, 0, 0]]), ArgumentError, "heads"),
        (text_of(heads=[["a", 0, 0]]), ArgumentError, "heads"),
        (text_of(heads=[[0, 1, 0]]), ArgumentError, "heads"),
        (text_of(heads=7), ArgumentError, "heads"),
        ('{"nodes": [{"name": "x"}], "heads": [[0, 0, 0]]}', ArgumentError, "node 0"),
        ('{"nodes": [3], "heads": [[0, 0, 0]]}', ArgumentError, "node 0"),
        (text_of(("sin", [[1, 0, 0]], {})), ArgumentError, "node 1"),
        (text_of(("sin", [[0, 3, 0]], {})), ArgumentError, "node 1"),
        (text_of(("sin", [[0, 0, 0], [0, 0, 0]], {})), ArgumentError, r"node 1.*1 input"),
        (text_of(("sinn", [[0, 0, 0]], {})), NameLookupError, r"Node 1 \('s'\).*'sinn'.*Did you mean"),
        (text_of(("sin", [[0, 0, 0]], {"x": "1"})), MXNetError, "'x'"),
        (text_of(("FullyConnected", [[0, 0, 0]], {"num_hidden": "many"})), MXNetError, "num_hidden='many'"),
    ],
)
def test_wrong_texts_are_refused_by_name(text, error, words):
    with pytest.raises(error, match=words):
        mx.sym.load_json(text)


def test_a_file_that_is_wrong_is_named(tmp_path):
    (tmp_path / "net.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"net\.json"):
        mx.sym.load(str(tmp_path / "net.json"))
    with pytest.raises(MXNetError, match=r"absent\.json"):
        mx.sym.load(str(tmp_path / "absent.json"))


def test_saving_leaves_the_old_file_where_it_fails(tmp_path):
    path = tmp_path / "net.json"
    mx.sym.var("x").save(str(path))
    before = path.read_text(encoding="utf-8")
    with pytest.raises((OSError, MXNetError)):
        mx.sym.var("y").save(str(tmp_path / "absent" / "net.json"))
    assert path.read_text(encoding="utf-8") == before


def test_casts_of_mixed_precision_are_left_out():
    # the nodes are those that MXNet 1.9.1 writes
    cast = mx.sym.amp_cast(mx.sym.var("x"), dtype="float16", name="cast")
    both = mx.sym.amp_multicast(mx.sym.exp(cast, name="e"), mx.sym.var("z"), num_outputs=2, name="both")
    net = mx.sym.elemwise_add(both[0], both[1], name="sum")
    assert [name for _, name, _ in graph_of(net.tojson())] == ["x", "e", "z", "sum"]
    assert graph_of(net.tojson())[-1] == ("elemwise_add", "sum", [[1, 0], [2, 0]])
    kept = net.tojson(remove_amp_cast=False)
    assert [name for _, name, _ in graph_of(kept)] == ["x", "cast", "e", "z", "both", "sum"]
    assert [name for _, name, _ in graph_of(cast.tojson())] == ["x", "cast"]
    assert mx.sym.load_json(kept).tojson() == net.tojson()


@pytest.mark.parametrize("version", ["0.6", "0.8", "0.9", "0.11"])
def test_initializers_that_older_operators_did_not_tell(version):
    """MXNet 1.9.1 adds them to texts of versions until 0.9.3, and only to these."""
    attributes = mx.sym.load(str(FOLDER / f"mxnet-{version}.json")).attr_dict()
    found = attributes.get("bn_moving_var", {}).get("__init__")
    assert found == (None if version == "0.11" else '["one", {}]')
