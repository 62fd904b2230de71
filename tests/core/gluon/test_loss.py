"""Losses: what the comparison with the oracle leaves out."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import gluon, nd

PRED = nd.array(np.random.RandomState(0).uniform(-1, 1, (2, 6, 4)))  # (batch, steps, classes)
LABEL = nd.array([[1, 2, -1], [0, -1, -1]])


class TestCTC:
    # what MXNet 1.9.1 gives
    @pytest.mark.parametrize(
        ("lengths", "expected"),
        [
            ((None, None), [4.63022, 5.01531]),
            (([4, 6], None), [3.63866, 5.01531]),
            ((None, [2, 1]), [4.63022, 5.01531]),
            (([4, 6], [2, 1]), [3.63866, 5.01531]),
        ],
    )
    def test_lengths(self, lengths, expected):
        arrays = [None if values is None else nd.array(values) for values in lengths]
        for hybridize in (False, True):
            loss = gluon.loss.CTCLoss()
            loss.hybridize(hybridize)
            np.testing.assert_allclose(loss(PRED, LABEL, *arrays).asnumpy(), expected, rtol=1e-4)
        turned = gluon.loss.CTCLoss(layout="TNC", label_layout="TN")
        np.testing.assert_allclose(turned(nd.swapaxes(PRED, 0, 1), LABEL.T, *arrays).asnumpy(), expected, rtol=1e-4)


def test_weights_are_numbers():
    with pytest.raises(AssertionError, match="weight must be a number"):
        gluon.loss.L1Loss(weight="a")(nd.ones((1, 1)), nd.ones((1, 1)))


def test_sdml_has_no_symbol():
    with pytest.raises(TypeError, match="whose batch size is not known"):
        gluon.loss.SDMLLoss()(mx.sym.var("a"), mx.sym.var("b"))


def test_full_poisson_loss_ignores_small_targets():
    loss = gluon.loss.PoissonNLLLoss(from_logits=False, compute_full=True)
    pred, target = np.array([0.5, 2.0, 3.0]), np.array([0.0, 1.0, 4.0])
    stirling = 4 * np.log(4) - 4 + 0.5 * np.log(2 * np.pi * 4)
    expected = (pred - target * np.log(pred)).mean() + stirling / 3
    np.testing.assert_allclose(loss(nd.array(pred), nd.array(target)).asnumpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("label_format", ["signed", "binary"])
def test_logistic_loss_does_not_overflow(label_format):
    loss = gluon.loss.LogisticLoss(label_format=label_format)
    label = 1 if label_format == "binary" else 1.0
    assert loss(nd.array([[1000.0]]), nd.array([[label]])).asscalar() == 0
    assert loss(nd.array([[-1000.0]]), nd.array([[label]])).asscalar() == 1000
