"""Building graphs: names, inputs, composition, groups, parts of graphs."""

import copy
import pickle

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError, ArgumentTypeError, NameLookupError


@pytest.fixture(autouse=True)
def fresh_names():
    with mx.name.NameManager():
        yield


def two_layers():
    net = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=10, name="fc1")
    return mx.sym.FullyConnected(net, num_hidden=100, name="fc2")


def test_missing_inputs_become_variables_named_after_the_operator():
    assert two_layers().list_arguments() == ["data", "fc1_weight", "fc1_bias", "fc2_weight", "fc2_bias"]


def test_nameless_operators_are_numbered_by_kind():
    x = mx.sym.var("x")
    names = [(x + 1).name, mx.sym.FullyConnected(x, num_hidden=1).name, (x + 2).name, (2**x).name, (x * x).name]
    assert names == ["_plusscalar0", "fullyconnected0", "_plusscalar1", "_rpower_scalar0", "_mul0"]


def test_prefixes_and_managers_of_names():
    with mx.name.Prefix("stage_"):
        net = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2)
        named = mx.sym.FullyConnected(num_hidden=2, name="fc")
        assert mx.name.NameManager.current is mx.name.current()
    assert net.list_arguments() == ["data", "stage_fullyconnected0_weight", "stage_fullyconnected0_bias"]
    assert named.list_arguments() == ["stage_fc_data", "stage_fc_weight", "stage_fc_bias"]
    assert mx.name.NameManager.current.get(None, "conv") == "conv0"


def test_composition_replaces_variables_in_a_copy():
    tail = mx.sym.FullyConnected(mx.sym.Activation(mx.sym.var("in"), act_type="relu"), num_hidden=3, name="tail")
    composed = tail(**{"in": two_layers(), "name": "composed"})
    assert composed.list_outputs() == ["composed_output"]
    assert composed.list_arguments()[:2] == ["data", "fc1_weight"]
    assert "in" not in composed.list_arguments()
    assert tail.list_arguments() == ["in", "tail_weight", "tail_bias"]
    assert tail(mx.sym.var("other")).list_arguments()[0] == "other"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s: s(mx.sym.var("a"), data=mx.sym.var("b")), ArgumentTypeError, "both"),
        (lambda s: s(nothing=mx.sym.var("a")), NameLookupError, "nothing"),
        (lambda s: s(data=3), ArgumentTypeError, "int"),
        (lambda s: s(data=mx.sym.Group([mx.sym.var("a"), mx.sym.var("b")])), ArgumentError, "one output"),
    ],
)
def test_composition_refuses(call, error, words):
    with pytest.raises(error, match=words):
        call(two_layers())


def test_parts_of_a_graph():
    net = two_layers()
    cut = net.get_internals()["fc1_output"]
    assert cut.list_arguments() == ["data", "fc1_weight", "fc1_bias"]
    assert net.get_children().list_outputs() == ["fc1_output", "fc2_weight", "fc2_bias"]
    assert net.get_children().get_children().list_outputs() == ["data", "fc1_weight", "fc1_bias"]
    assert mx.sym.var("x").get_children() is None
    assert net.get_inputs().list_outputs() == net.list_inputs()


def test_children_of_several_outputs_are_listed_once():
    parts = mx.sym.SliceChannel(mx.sym.var("data"), num_outputs=3, name="slice")
    assert parts.get_children().list_outputs() == ["data"]
    assert mx.sym.Concat(*list(parts)).get_children().list_outputs() == [f"slice_output{i}" for i in range(3)]
    assert len(parts) == parts.num_outputs == 3


def test_groups_and_indices():
    a, b = mx.sym.var("a"), mx.sym.var("b")
    group = mx.sym.Group([a + b, a, a * b])
    assert group.name is None
    assert group.list_outputs() == ["_plus0_output", "a", "_mul0_output"]
    assert group[1].name == "a"
    assert group["_mul0_output"].name == "_mul0"
    assert group[1:].list_outputs() == ["a", "_mul0_output"]
    assert [part.name for part in group] == ["_plus0", "a", "_mul0"]
    with pytest.raises(IndexError):
        group[3]
    with pytest.raises(ArgumentError, match="nope"):
        group["nope"]
    with pytest.raises(ArgumentTypeError):
        mx.sym.Group([])


def test_an_input_must_have_one_output():
    with pytest.raises(ArgumentError, match="2 outputs"):
        mx.sym.Activation(mx.sym.Group([mx.sym.var("a"), mx.sym.var("b")]), act_type="relu")


def test_superfluous_inputs_and_unknown_parameters_are_named():
    x = mx.sym.var("x")
    with pytest.raises(ArgumentTypeError, match="bias"):
        mx.sym.FullyConnected(x, bias=mx.sym.var("b"), num_hidden=3, no_bias=True)
    with pytest.raises(ArgumentTypeError, match=r"'num_hiden'.*Did you mean 'num_hidden'"):
        mx.sym.FullyConnected(x, num_hiden=3)
    with pytest.raises(NameLookupError, match="Convolutin"):
        mx.sym.load_json('{"nodes": [{"op": "Convolutin", "name": "c", "inputs": []}], "heads": [[0, 0, 0]]}')


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies_are_equal_and_apart(copied):
    net = two_layers()
    other = copied(net)
    assert other.tojson() == net.tojson()
    other._set_attr(__mood__="new")
    assert net.attr("__mood__") is None


def test_symbols_have_no_values():
    x = mx.sym.var("x")
    for use in (bool, lambda s: s.asnumpy(), lambda s: s.wait_to_read(), lambda s: s.copy(), lambda s: s.detach()):
        with pytest.raises(mx.base.NotImplementedForSymbol, match="not implemented for Symbol"):
            use(x)
    assert repr(x) == "<Symbol x>"
    assert repr(mx.sym.Group([x, x + 1])) == "<Symbol group [x, _plusscalar0]>"


def test_the_operator_of_a_symbol_applied_to_fresh_variables():
    atomic = two_layers()._gen_atomic_symbol()
    assert atomic.list_arguments() == ["fc2_data", "fc2_weight", "fc2_bias"]
    with pytest.raises(ArgumentError):
        mx.sym.var("x")._gen_atomic_symbol()


@pytest.mark.parametrize(
    ("function", "numbers"), [("maximum", max), ("minimum", min), ("power", pow), ("pow", pow), ("hypot", np.hypot)]
)
def test_functions_of_symbols_and_numbers(function, numbers):
    function = getattr(mx.sym, function)
    x, y = mx.sym.var("x"), mx.sym.var("y")
    values = {"x": mx.nd.array([1.0, 3.0]), "y": mx.nd.array([2.0, 1.5])}
    for symbol, left, right in ((function(x, y), [1, 3], [2, 1.5]), (function(x, 2), [1, 3], [2, 2])):
        expected = [numbers(a, b) for a, b in zip(left, right, strict=True)]
        given = {name: values[name] for name in symbol.list_arguments()}
        np.testing.assert_allclose(symbol.eval(**given)[0].asnumpy(), expected, rtol=1e-6)
    swapped = function(2, x).eval(x=values["x"])[0].asnumpy()
    np.testing.assert_allclose(swapped, [numbers(2, 1), numbers(2, 3)], rtol=1e-6)
    assert function(3, 2) == numbers(3, 2)
    with pytest.raises(ArgumentTypeError):
        function("3", x)


def test_symbols_without_inputs():
    pairs = [
        (mx.sym.zeros((2, 3)), np.zeros((2, 3))),
        (mx.sym.ones((2,), dtype="int32"), np.ones(2)),
        (mx.sym.full((2, 2), 3), np.full((2, 2), 3)),
        (mx.sym.arange(5), np.arange(5)),
        (mx.sym.arange(1, 6, 2, repeat=2), [1, 1, 3, 3, 5, 5]),
        (mx.sym.linspace(0, 1, 5), np.linspace(0, 1, 5)),
        (mx.sym.eye(3, 4, k=1), np.eye(3, 4, 1)),
    ]
    for symbol, expected in pairs:
        np.testing.assert_array_equal(symbol.eval()[0].asnumpy(), expected)


def test_splitting():
    x = mx.sym.var("x")
    values = np.arange(12.0).reshape(6, 2)
    parts = mx.sym.split_v2(x, (1, 4)).eval(x=mx.nd.array(values))
    assert [part.shape for part in parts] == [(1, 2), (3, 2), (2, 2)]
    np.testing.assert_array_equal(parts[1].asnumpy(), values[1:4])
    assert [part.shape for part in mx.sym.split_v2(x, 3, axis=0).eval(x=mx.nd.array(values))] == [(2, 2)] * 3


def test_a_range_whose_length_follows_from_its_use():
    numbers = mx.sym.arange(2, step=3, repeat=2, infer_range=True) + mx.sym.var("x")
    assert numbers.infer_shape(x=(5,))[1] == [(5,)]
    np.testing.assert_array_equal(numbers.eval(x=mx.nd.zeros(5))[0].asnumpy(), [2, 2, 5, 5, 8])
