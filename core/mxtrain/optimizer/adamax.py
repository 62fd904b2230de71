"""AdaMax: Adam with the largest gradient in place of the mean square."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer, zeros_like
from mxtrain.optimizer.registry import register


@register
class Adamax(KernelOptimizer):
    """AdaMax. State: (mean, largest), each as the weight.

    Source: arXiv:1412.6980, section 7; mxnet.optimizer.Adamax of MXNet 1.9.1.
    """

    def __init__(self, learning_rate: float = 0.002, beta1: float = 0.9, beta2: float = 0.999, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2

    def create_state(self, index: Hashable, weight: NDArray) -> tuple[NDArray, NDArray]:
        """(mean, largest)."""
        return (zeros_like(weight), zeros_like(weight))

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (mean, largest)."""
        hyper = {"lr": lr / (1 - self.beta1**t), "wd": wd, "beta1": self.beta1, "beta2": self.beta2}
        kernels.adamax(xp, weight, grad, *states, **hyper, **self._common(), **low)
