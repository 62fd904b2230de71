"""What the optimizers of Adam's kind have in common: running means of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer, zeros_like


class MomentsOptimizer(KernelOptimizer):
    """Base of optimizers with the state (mean, variance), each as the weight.

    beta1, beta2: decays of the two means. epsilon: what is added to the root of the variance.
    """

    def __init__(self, learning_rate: float, beta1: float, beta2: float, epsilon: float, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index: Hashable, weight: NDArray) -> tuple[NDArray, NDArray]:
        """(mean, variance), zeros at first."""
        return (zeros_like(weight), zeros_like(weight))

    def _decays(self) -> dict[str, float]:
        """What the kernels are told about the means."""
        return {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}
