"""Nesterov's accelerated gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.momentum import MomentumOptimizer
from mxtrain.optimizer.registry import register


@register
class NAG(MomentumOptimizer):
    """NAG: SGD whose gradient step looks ahead along the momentum.

    State: momentum, as the weight; None without momentum (it is plain SGD then).
    Source: mxnet.optimizer.NAG of MXNet 1.9.1.
    """

    master_weight_last: ClassVar[bool] = True

    def __init__(self, momentum: float = 0.0, **kwargs: Any) -> None:
        super().__init__(momentum, **kwargs)

    def updates_stored_rows(self, weight: NDArray, *, wd: float, is_master: bool) -> bool:
        """Without momentum, as plain SGD."""
        return not self.momentum and not is_master

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (momentum,) or ()."""
        if states:
            kernels.nag_mom(xp, weight, grad, states[0], momentum=self.momentum, lr=lr, wd=wd, **self._common(), **low)
        else:
            kernels.sgd(xp, weight, grad, lr=lr, wd=wd, **self._common(), **low)
