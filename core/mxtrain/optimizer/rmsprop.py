"""RMSProp."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer, zeros_like
from mxtrain.optimizer.registry import register


@register
class RMSProp(KernelOptimizer):
    """RMSProp: divides the gradient by the root of the running mean of its square.

    gamma1: decay of that mean. centered: Graves' form, which subtracts the mean and has momentum gamma2.
    clip_weights: limit for the weights themselves.
    State: (mean square,), or (mean square, mean, momentum) where centered; each as the weight.
    Source: Tieleman and Hinton, 2012; arXiv:1308.0850, eq. 38 to 45; mxnet.optimizer.RMSProp of MXNet 1.9.1.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        gamma1: float = 0.9,
        gamma2: float = 0.9,
        epsilon: float = 1e-8,
        centered: bool = False,
        clip_weights: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.gamma1 = gamma1
        self.gamma2 = gamma2
        self.epsilon = epsilon
        self.centered = centered
        self.clip_weights = clip_weights

    def create_state(self, index: Hashable, weight: NDArray) -> tuple[NDArray, ...]:
        """(mean square,), or (mean square, mean, momentum)."""
        return tuple(zeros_like(weight) for _ in range(3 if self.centered else 1))

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states as `create_state` gives them."""
        hyper = {"gamma1": self.gamma1, "epsilon": self.epsilon, "clip_weights": self.clip_weights, **self._common()}
        if self.centered:
            kernels.rmspropalex(xp, weight, grad, *states, lr=lr, wd=wd, gamma2=self.gamma2, **hyper, **low)
        else:
            kernels.rmsprop(xp, weight, grad, *states, lr=lr, wd=wd, **hyper, **low)
