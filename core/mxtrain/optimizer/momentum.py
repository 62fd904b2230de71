"""What the optimizers with an optional momentum have in common."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer, zeros_like


class MomentumOptimizer(KernelOptimizer):
    """Base of optimizers whose only state is a momentum, or nothing where `momentum` is 0."""

    def __init__(self, momentum: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum

    def create_state(self, index: Hashable, weight: NDArray) -> NDArray | None:
        """The momentum, as the weight, or None."""
        return zeros_like(weight) if self.momentum else None
