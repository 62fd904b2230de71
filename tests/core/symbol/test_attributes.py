"""Attributes of variables, operators and scopes. Expected values are MXNet 1.9.1's."""

import threading

import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError


def test_scopes_nest_and_end():
    with mx.AttrScope(x="1"), mx.AttrScope(y="2"):
        assert mx.AttrScope.current.get(None) == {"x": "1", "y": "2"}
        assert mx.AttrScope.current.get({"x": "9"}) == {"x": "9", "y": "2"}
    assert mx.AttrScope.current.get(None) == {}


def test_a_scope_of_another_thread_is_not_seen():
    seen = []
    with mx.AttrScope(x="1"):
        thread = threading.Thread(target=lambda: seen.append(mx.AttrScope.current.get(None)))
        thread.start()
        thread.join(10)
    assert seen == [{}]


def test_variables_keep_every_attribute_and_operators_hand_theirs_to_new_variables():
    with mx.AttrScope(__group__="4", __data__="great", ctx_group="dev1", lr_mult="3"):
        data = mx.sym.Variable("d", attr={"dtype": "data", "force_mirroring": "True"}, lr_mult=1, wd_mult=2.0)
        fc = mx.sym.FullyConnected(data, num_hidden=3, name="fc", attr={"__mood__": "x", "wd_mult": "q"})
    assert data.list_attr() == {
        "__group__": "4",
        "__data__": "great",
        "__ctx_group__": "dev1",
        "ctx_group": "dev1",
        "__lr_mult__": "1",
        "lr_mult": "1",
        "__wd_mult__": "2.0",
        "wd_mult": "2.0",
        "__force_mirroring__": "True",
        "force_mirroring": "True",
        "dtype": "data",
    }
    assert data.attr("group") is None
    assert (data.attr("__group__"), data.attr("lr_mult"), data.attr("__lr_mult__")) == ("4", "1", "1")
    assert fc.attr_dict()["fc_weight"] == fc.attr_dict()["fc_bias"] == fc.list_attr()
    assert (fc.attr("num_hidden"), fc.attr("__mood__"), fc.attr("wd_mult")) == ("3", "x", "q")


def test_setting_attributes():
    x = mx.sym.var("x")
    x._set_attr(ctx_group="a", foo="b", __z__="1")
    assert x.list_attr() == {"__ctx_group__": "a", "ctx_group": "a", "foo": "b", "__z__": "1"}
    doubled = x * 2
    doubled._set_attr(scalar="5")
    assert doubled.eval(x=mx.nd.ones(1))[0].asscalar() == 5
    with pytest.raises(ArgumentError, match="one node"):
        mx.sym.Group([x, doubled])._set_attr(a="1")
    with pytest.raises(ArgumentError, match="attr_dict"):
        x.list_attr(recursive=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: mx.AttrScope(a=1),
        lambda: mx.sym.Variable("d", attr={"a": 1}),
        lambda: mx.sym.Variable("d", foo="1"),
    ],
)
def test_attributes_are_strings_with_proper_names(make):
    with pytest.raises(ArgumentError):
        make()


def test_declared_facts_of_a_variable():
    attrs = mx.sym.var("v", shape=(2, 0), dtype="float16", init="zeros", stype="default").list_attr()
    assert attrs == {"__shape__": "(2, 0)", "__dtype__": "2", "__init__": "zeros", "__storage_type__": "0"}
    assert mx.sym.var("v", __extra__="yes").attr("__extra__") == "yes"


def test_states_made_for_an_operator_say_how_they_begin():
    attrs = mx.sym.BatchNorm(mx.sym.var("x"), name="bn").attr_dict()
    assert attrs["bn_moving_mean"]["__init__"] == '["zero", {}]'
    assert attrs["bn_moving_var"]["__init__"] == '["one", {}]'
    assert "bn_gamma" not in attrs
