"""The optimizer that MXNet's own tests use."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from mxtrain.ndarray import NDArray, zeros
from mxtrain.optimizer.base import Optimizer
from mxtrain.optimizer.registry import register


@register
class Test(Optimizer):
    """weight += grad * rescale_grad, without a learning rate. State: the weight after the last update.

    Source: mxnet.optimizer.Test of MXNet 1.9.1.
    """

    __test__ = False  # not a test case for pytest

    def create_state(self, index: Hashable, weight: NDArray) -> NDArray:
        """Zeros, as the weight."""
        return zeros(weight.shape, weight.context)

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Adds the rescaled gradient to the weight and remembers it."""
        weight[:] += grad * self.rescale_grad
        state[:] = weight
