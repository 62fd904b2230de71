"""Delay-compensated asynchronous SGD."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer, zeros_like
from mxtrain.optimizer.registry import register


@register
class DCASGD(KernelOptimizer):
    """SGD that corrects gradients which were computed at an older weight. lamda: strength of the correction.

    State: (momentum or None, the weight before the last update), each as the weight.
    Source: arXiv:1609.08326; mxnet.optimizer.DCASGD of MXNet 1.9.1 (whose own momentum form fails).
    """

    def __init__(self, momentum: float = 0.0, lamda: float = 0.04, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum
        self.lamda = lamda

    def create_state(self, index: Hashable, weight: NDArray) -> tuple[NDArray | None, NDArray]:
        """(momentum or None, a copy of the weight)."""
        return (zeros_like(weight) if self.momentum else None, weight.copy())

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (momentum, previous weight) or (previous weight,)."""
        common = {"lr": lr, "wd": wd, "lamda": self.lamda, **self._common(), **low}
        if len(states) == 2:
            kernels.dcasgd_mom(xp, weight, grad, *states, momentum=self.momentum, **common)
        else:
            kernels.dcasgd(xp, weight, grad, *states, **common)
