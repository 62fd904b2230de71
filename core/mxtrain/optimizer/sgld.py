"""Stochastic gradient Langevin dynamics."""

from __future__ import annotations

import math
from typing import Any

from mxtrain.optimizer.base import Optimizer
from mxtrain.optimizer.registry import register


@register
class SGLD(Optimizer):
    """SGLD: half a gradient step and normal noise of variance lr. State: none.

    The noise comes from the random generator of the weight's context. Source: mxnet.optimizer.SGLD of MXNet 1.9.1.
    """

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Changes `weight` in place. index, weight, grad, state: single, or lists of equal length."""
        if isinstance(index, (list, tuple)):
            for one in zip(index, weight, grad, state, strict=True):
                self.update(*one)
            return
        from mxtrain import random  # draws through operators, which a mere import of optimizers need not load

        self._update_count(index)
        lr, wd = self._get_lr(index), self._get_wd(index)
        step = grad * self.rescale_grad
        if self.clip_gradient is not None:
            step = step.clip(-self.clip_gradient, self.clip_gradient)
        noise = random.normal(0, math.sqrt(lr), shape=weight.shape, dtype=weight.dtype, ctx=weight.context)
        weight[:] += -lr / 2 * (step + wd * weight) + noise
