"""Factors of the upper triangle: the parameter `lower` of potrf and potri."""

import numpy as np
import pytest

import mxtrain as mx


def test_values():
    """The values of MXNet 1.9.1."""
    matrix = mx.nd.array([[4, 2], [2, 3]])
    upper = mx.nd.linalg.potrf(matrix, lower=False).asnumpy()
    np.testing.assert_allclose(upper, [[2, 1], [0, 1.4142135]], rtol=1e-6)
    inverse = mx.nd.linalg.potri(matrix, lower=False).asnumpy()
    np.testing.assert_allclose(inverse, [[0.09027778, -0.05555556], [-0.05555556, 0.11111112]], rtol=1e-6)


@pytest.mark.parametrize("operator", ["potrf", "potri"])
def test_gradient_is_that_of_the_lower_one_turned(operator):
    def run(matrix, **options):
        matrix = mx.nd.array(matrix, dtype=np.float64)
        matrix.attach_grad()
        with mx.autograd.record():
            y = getattr(mx.nd.linalg, operator)(matrix, **options)
            loss = (y * y * y).sum()
        loss.backward()
        return y.asnumpy(), matrix.grad.asnumpy()

    matrix = np.array([[4.0, 1, 0.5], [1, 3, 0.2], [0.5, 0.2, 2]])
    lower, by_lower = run(np.tril(matrix) if operator == "potri" else matrix)
    upper, by_upper = run(np.triu(matrix) if operator == "potri" else matrix, lower=False)
    np.testing.assert_allclose(upper, lower.T)
    np.testing.assert_allclose(by_upper, by_lower.T)
