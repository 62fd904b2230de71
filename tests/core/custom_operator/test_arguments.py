"""Names and arguments of all operators. The expected types are MXNet 1.9.1's."""

import pytest

import mxtrain as mx
from mxtrain.base import NameLookupError

ARRAY = "NDArray-or-Symbol"


def test_all_operators_are_listed():
    names = mx.operator.get_all_registered_operators()
    assert names == sorted(names)
    assert {"Activation", "Custom", "elemwise_add", "_plus_scalar"} <= set(names)


def test_what_an_operator_takes():
    found = mx.operator.get_operator_arguments("Activation")
    assert isinstance(found, mx.operator.OperatorArguments)
    kinds = "{'relu', 'sigmoid', 'softrelu', 'softsign', 'tanh'}, required"
    assert found == (2, ["data", "act_type"], [ARRAY, kinds])
    found = mx.operator.get_operator_arguments("FullyConnected")
    assert found.names == ["data", "weight", "bias", "num_hidden", "no_bias", "flatten"]
    assert found.types[3:] == ["int, required", "boolean, optional, default=0", "boolean, optional, default=1"]
    assert mx.operator.get_operator_arguments("Concat").types[0] == f"{ARRAY}[]"


def test_every_operator_can_be_described():
    for name in mx.operator.get_all_registered_operators():
        found = mx.operator.get_operator_arguments(name)
        assert found.narg == len(found.names) == len(found.types)


def test_an_unknown_operator_is_named():
    with pytest.raises(NameLookupError, match="Activatoin"):
        mx.operator.get_operator_arguments("Activatoin")
