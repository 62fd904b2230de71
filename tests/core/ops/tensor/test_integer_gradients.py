"""Gradients of integer arrays, with the values of MXNet 1.9.1."""

import pytest

import mxtrain as mx


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a, b: a % b, [[0, 0], [0, 0]]),
        (lambda a, b: a % 3, [[0, 0]]),
        (lambda a, b: 20 % a, [[0, 0]]),
        (lambda a, b: a * b, [[12, 10], [21, 18]]),
        (mx.nd.maximum, [[3, 2], [0, 0]]),
        (lambda a, b: a - b, [[3, 2], [-3, -2]]),
    ],
)
def test_values(function, expected):
    a, b = mx.nd.array([7, 9], dtype="int32"), mx.nd.array([4, 5], dtype="int32")
    for array in (a, b):
        array.attach_grad()
    with mx.autograd.record():
        y = function(a, b)
    y.backward(mx.nd.array([3, 2], dtype="int32"))
    assert [array.grad.asnumpy().tolist() for array in (a, b)][: len(expected)] == expected
