"""Whole networks: JSON texts, lists, attributes and inference, against what MXNet 1.9.1 says of the same code."""

import json
import pathlib

import numpy as np
import pytest
from symbol_networks import NETWORKS, register_custom

import mxtrain as mx

FOLDER = pathlib.Path(__file__).parent
FACTS = json.loads((FOLDER / "facts.json").read_text(encoding="utf-8"))
LISTS = ("arguments", "auxiliary_states", "inputs", "outputs")


@pytest.fixture(params=sorted(NETWORKS))
def network(request):
    """(name, symbol, what MXNet says of it)."""
    register_custom(mx)
    with mx.name.NameManager():
        return request.param, NETWORKS[request.param](mx), FACTS[request.param]


def as_tuples(parts):
    return tuple([tuple(shape) for shape in part] for part in parts)


def text_of(name):
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def test_writes_the_same_bytes(network):
    name, symbol, _ = network
    assert symbol.tojson() == text_of(name)


def test_reads_what_mxnet_wrote(network):
    name, symbol, facts = network
    loaded = mx.sym.load_json(text_of(name))
    assert loaded.tojson() == text_of(name)
    assert loaded.infer_shape(**facts["given"]) == symbol.infer_shape(**facts["given"])


def test_saves_and_loads(network, tmp_path):
    name, symbol, _ = network
    symbol.save(str(tmp_path / "net.json"))
    assert (tmp_path / "net.json").read_text(encoding="utf-8") == text_of(name)
    assert mx.sym.load(str(tmp_path / "net.json")).tojson() == text_of(name)


@pytest.mark.parametrize("which", LISTS)
def test_lists(network, which):
    _, symbol, facts = network
    assert getattr(symbol, f"list_{which}")() == facts[which]


def test_internals_and_children(network):
    _, symbol, facts = network
    assert symbol.get_internals().list_outputs() == facts["internals"]
    assert symbol.get_children().list_outputs() == facts["children"]


def test_attributes(network):
    _, symbol, facts = network
    assert symbol.attr_dict() == facts["attributes"]


def test_shapes(network):
    _, symbol, facts = network
    assert symbol.infer_shape(**facts["given"]) == as_tuples(facts["shapes"])


def test_types(network):
    name, symbol, facts = network
    given = np.dtype(facts["given_type"]).type
    found = symbol.infer_type(**dict.fromkeys(facts["given"], given))
    if name == "custom":  # MXNet does not conclude the label's
        assert {t for part in found for t in part} == {np.float64}
    else:
        assert [[np.dtype(t).name for t in part] for part in found] == facts["types"]


def test_binds_and_runs(network):
    _, symbol, facts = network
    executor = symbol.simple_bind(mx.cpu(), **{name: tuple(shape) for name, shape in facts["given"].items()})
    shapes = [output.shape for output in executor.forward(is_train=True)]
    assert shapes == [tuple(shape) for shape in facts["shapes"][1]]
    executor.backward([mx.nd.ones(shape) for shape in shapes])
    assert [grad.shape for grad in executor.grad_arrays] == [tuple(shape) for shape in facts["shapes"][0]]
