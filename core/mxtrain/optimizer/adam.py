"""Adam."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import dense_zeros_like, zeros_like
from mxtrain.optimizer.moments import MomentsOptimizer
from mxtrain.optimizer.registry import register


@register
class Adam(MomentsOptimizer):
    """Adam: steps by the running mean of the gradient over the root of the running mean of its square.

    beta1, beta2: decays of the two means. lazy_update: rows without a gradient stay as they are where gradients are
    row_sparse. State: (mean, variance), each as the weight.
    Source: arXiv:1412.6980; mxnet.optimizer.Adam of MXNet 1.9.1.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        lazy_update: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, **kwargs)
        self.lazy_update = lazy_update

    def create_state(self, index: Hashable, weight: NDArray) -> tuple[NDArray, NDArray]:
        """(mean, variance), zeros at first; dense where updates are not lazy."""
        zeros = zeros_like if self.lazy_update else dense_zeros_like
        return (zeros(weight), zeros(weight))

    def updates_stored_rows(self, weight: NDArray, *, wd: float, is_master: bool) -> bool:
        """Where updates are lazy."""
        return self.lazy_update

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (mean, variance)."""
        corrected = lr * math.sqrt(1 - self.beta2**t) / (1 - self.beta1**t)
        kernels.adam(xp, weight, grad, *states, lr=corrected, wd=wd, **self._decays(), **self._common(), **low)
