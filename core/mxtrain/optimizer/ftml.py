"""Follow the moving leader."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer, zeros_like
from mxtrain.optimizer.registry import register


@register
class FTML(KernelOptimizer):
    """FTML. State: (d, v, z), each as the weight.

    Source: http://proceedings.mlr.press/v70/zheng17a; mxnet.optimizer.FTML of MXNet 1.9.1.
    """

    def __init__(self, beta1: float = 0.6, beta2: float = 0.999, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index: Hashable, weight: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """(d, v, z)."""
        return (zeros_like(weight), zeros_like(weight), zeros_like(weight))

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (d, v, z)."""
        betas = {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}
        kernels.ftml(xp, weight, grad, *states, lr=lr, wd=wd, t=t, **betas, **self._common(), **low)
