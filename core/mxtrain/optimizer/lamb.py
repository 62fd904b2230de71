"""LAMB: layer-wise adaptive moments for large batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.moments import MomentsOptimizer
from mxtrain.optimizer.registry import register


@register
class LAMB(MomentsOptimizer):
    """LAMB: Adam's direction, scaled for each parameter by the ratio of the norms of weight and direction.

    lower_bound, upper_bound: limits of the weight's norm in that ratio. bias_correction: as in Adam.
    State: (mean, variance), each as the weight.
    Source: arXiv:1904.00962; mxnet.optimizer.LAMB of MXNet 1.9.1.
    """

    elementwise: ClassVar[bool] = False

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        lower_bound: float | None = None,
        upper_bound: float | None = None,
        bias_correction: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, **kwargs)
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound
        self.bias_correction = bias_correction
        self.aggregate_num = 45

    def step(
        self,
        xp: Any,
        weight: Any,
        grad: Any,
        states: Sequence[Any],
        *,
        lr: float,
        wd: float,
        t: int,
        low_precision: Any = None,
    ) -> None:
        """One update on backend arrays; states: (mean, variance)."""
        direction = xp.empty_like(weight)
        hyper = {"wd": wd, **self._decays(), **self._common()}
        if self.bias_correction:
            hyper["mean_factor"] = 1 / (1 - self.beta1**t)
            hyper["var_factor"] = 1 / (1 - self.beta2**t)
        kernels.lamb_direction(xp, weight, grad, *states, direction, **hyper)
        ratio = self._trust_ratio(float(xp.linalg.norm(weight)), float(xp.linalg.norm(direction)))
        kernels.sgd(xp, weight, direction, lr=lr * ratio, low_precision=low_precision)

    def _trust_ratio(self, weight_norm: float, direction_norm: float) -> float:
        """The factor of the learning rate for one parameter."""
        if self.lower_bound:
            weight_norm = max(weight_norm, self.lower_bound)
        if self.upper_bound:
            weight_norm = min(weight_norm, self.upper_bound)
        return weight_norm / direction_norm if weight_norm and direction_norm else 1.0
