"""AdaDelta."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer, zeros_like
from mxtrain.optimizer.registry import register


@register
class AdaDelta(KernelOptimizer):
    """AdaDelta: step sizes follow from past steps; the learning rate is not used.

    rho: decay of the running means. State: (mean square of gradients, mean square of steps), each as the weight.
    Source: arXiv:1212.5701; mxnet.optimizer.AdaDelta of MXNet 1.9.1.
    """

    def __init__(self, rho: float = 0.90, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def create_state(self, index: Hashable, weight: NDArray) -> tuple[NDArray, NDArray]:
        """(mean square of gradients, mean square of steps)."""
        return (zeros_like(weight), zeros_like(weight))

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (mean square of gradients, mean square of steps)."""
        hyper = {"wd": wd, "rho": self.rho, "epsilon": self.epsilon}
        kernels.adadelta(xp, weight, grad, *states, **hyper, **self._common(), **low)
