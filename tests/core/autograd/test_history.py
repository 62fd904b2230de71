"""`get_symbol`: recorded computations as Symbols."""

import numpy as np
import pytest

from mxtrain import autograd, nd
from mxtrain.base import MXNetError


def variable(*values):
    array = nd.array(values)
    array.attach_grad()
    return array


def test_the_symbol_computes_the_same():
    x, y, constant = variable(1.0, 2.0), variable(3.0, 4.0), nd.array([5.0, 6.0])
    with autograd.record():
        z = nd.split(nd.concat(x * y, constant - 2 * x, dim=0), num_outputs=2, axis=0)[1] * x
    symbol = autograd.get_symbol(z)
    assert symbol.list_arguments() == ["var0", "var1", "null0"]
    found = symbol.eval(var0=x, var1=y, null0=constant)[0]
    np.testing.assert_array_equal(found.asnumpy(), z.asnumpy())


def test_variables_are_counted_once():
    x, z = variable(1.0), variable(2.0)
    with autograd.record():
        one, two = x * x + 2 * x - 1, x * x + 2 * z - 1
    assert len(autograd.get_symbol(one).list_arguments()) == 1
    assert len(autograd.get_symbol(two).list_arguments()) == 2


def test_a_variable_is_a_variable():
    assert autograd.get_symbol(variable(1.0)).list_arguments() == ["var0"]


def test_only_parameters_that_differ_from_their_defaults_are_written():
    x = variable(1.0, 2.0)
    with autograd.record():
        y = nd.sum(x, axis=0)
    assert autograd.get_symbol(y).list_attr() == {"axis": "(0,)"}


def test_what_has_no_symbol_is_named():
    class Twice(autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            return dy * 2

    x = variable(1.0)
    with pytest.raises(MXNetError, match="not recorded"):
        autograd.get_symbol(nd.ones(1))
    with autograd.record():
        y, z = Twice()(x), x * 2
    with pytest.raises(MXNetError, match="Twice"):
        autograd.get_symbol(y)
    z.backward()
    with pytest.raises(MXNetError, match="second time"):
        autograd.get_symbol(z)
