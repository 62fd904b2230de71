"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.moments import MomentsOptimizer
from mxtrain.optimizer.registry import register


@register
class Nadam(MomentsOptimizer):
    """NAdam. schedule_decay: how fast the momentum approaches beta1. State: (mean, variance), each as the weight.

    As in MXNet 1.9.1 the product of the momentum schedule, m_schedule, is one number for all parameters and moves on
    with each single update; so the result depends on the order of updates, and there are no slabs.
    Source: http://cs229.stanford.edu/proj2015/054_report.pdf; mxnet.optimizer.Nadam of MXNet 1.9.1.
    """

    elementwise: ClassVar[bool] = False
    progress_fields: ClassVar[tuple[str, ...]] = ("m_schedule",)

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        schedule_decay: float = 0.004,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, **kwargs)
        self.schedule_decay = schedule_decay
        self.m_schedule = 1.0

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (mean, variance)."""
        factors = self._next_factors(t)
        kernels.nadam(xp, weight, grad, *states, lr=lr, wd=wd, **factors, **self._decays(), **self._common(), **low)

    def _next_factors(self, t: int) -> dict[str, float]:
        """Moves the momentum schedule on, and gives the factors of gradient, mean and variance that follow."""
        momentum, next_momentum = (self.beta1 * (1 - 0.5 * 0.96 ** (n * self.schedule_decay)) for n in (t, t + 1))
        self.m_schedule *= momentum
        return {
            "grad_factor": (1 - momentum) / (1 - self.m_schedule),
            "mean_factor": next_momentum / (1 - self.m_schedule * next_momentum),
            "var_factor": 1 / (1 - self.beta2**t),
        }
