"""`check_gluon_hybridize_consistency` passes for right networks and fails for planted differences."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import gluon, nd
from mxtrain.gluon import nn
from mxtrain.test_utils import check_gluon_hybridize_consistency

DATA = [nd.array([[1.0, -2.0, 3.0]])]


def dense(prefix):
    return nn.Dense(2, prefix=prefix)


def test_a_right_one():
    check_gluon_hybridize_consistency(dense, DATA)
    check_gluon_hybridize_consistency(lambda prefix: nn.Swish(prefix=prefix), DATA, lambda x: x / (1 + np.exp(-x)))


class Different(gluon.HybridBlock):
    """Computes something else as a symbol than on arrays: its value, its gradient, its shape, or NaN."""

    def __init__(self, how, prefix):
        super().__init__(prefix=prefix)
        self.how = how

    def hybrid_forward(self, F, x):
        if F is mx.nd:
            return x * 2
        return {
            "value": x * 2.01,
            "gradient": F.BlockGrad(x) + x,
            "shape": F.expand_dims(x * 2, axis=0),
            "nan": F.log(x - 10) + x * 2,
        }[self.how]


@pytest.mark.parametrize(
    ("how", "message"),
    [("value", "hybridized: True"), ("gradient", "hybridized: True"), ("nan", "nan"), ("shape", r"\(1, 1, 3\)")],
)
def test_planted_differences(how, message):
    with pytest.raises(AssertionError, match=message):
        check_gluon_hybridize_consistency(lambda prefix: Different(how, prefix), DATA)


def test_a_wrong_gradient_is_not_looked_for_without_test_grad():
    check_gluon_hybridize_consistency(lambda prefix: Different("gradient", prefix), DATA, test_grad=False)


def test_a_wrong_reference():
    with pytest.raises(AssertionError, match="hybridized: False"):
        check_gluon_hybridize_consistency(lambda prefix: nn.ELU(prefix=prefix), DATA, np.tanh)


def test_a_network_whose_values_depend_on_chance():
    class Noise(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return x + F.random.uniform_like(x)

    with pytest.raises(AssertionError):
        check_gluon_hybridize_consistency(lambda prefix: Noise(prefix=prefix), DATA, test_grad=False)
