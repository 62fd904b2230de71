"""A training that goes on with equal bits only if everything is restored: weights, states, order and random numbers."""

from typing import Any

import module_cases

import mxtrain as mx


def network() -> Any:
    """A network that needs random numbers, auxiliary states and parameters to go on."""
    layer = mx.sym.Dropout(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=6, name="fc1"), p=0.3)
    layer = mx.sym.BatchNorm(layer, fix_gamma=False, name="bn")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(layer, num_hidden=3, name="fc2"), name="softmax")


def iterator(shuffle: bool = False) -> mx.io.NDArrayIter:
    return mx.io.NDArrayIter(*module_cases.data(), batch_size=8, shuffle=shuffle)
