"""Signum: steps of equal size along the sign of the momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxtrain.base import ArgumentError
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.momentum import MomentumOptimizer
from mxtrain.optimizer.registry import register


@register
class Signum(MomentumOptimizer):
    """Signum, or signSGD without momentum. wd_lh: weight decay apart from the gradient (with momentum only).

    State: momentum, as the weight; None without momentum.
    Source: arXiv:1802.04434; mxnet.optimizer.Signum of MXNet 1.9.1.
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, wd_lh: float = 0.0, **kwargs: Any) -> None:
        super().__init__(momentum, learning_rate=learning_rate, **kwargs)
        if wd_lh and not momentum:
            raise ArgumentError(f"Expected: wd_lh = 0 without momentum. Received: wd_lh={wd_lh}.")
        self.wd_lh = wd_lh

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (momentum,) or ()."""
        common = {"lr": lr, "wd": wd, **self._common(), **low}
        if states:
            kernels.signum(xp, weight, grad, states[0], momentum=self.momentum, wd_lh=self.wd_lh, **common)
        else:
            kernels.signsgd(xp, weight, grad, **common)
