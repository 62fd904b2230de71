"""Losses of numbers: L1, L2, Huber, Poisson."""

import math
from typing import Any

from mxtrain.gluon.loss.base import Loss, _reshape_like


class L2Loss(Loss):
    """weight / 2 * (label - pred)^2, averaged per sample. Output: (batch,)."""

    def __init__(self, weight: float | None = 1.0, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss. label: as many values as pred."""
        loss = F.square(_reshape_like(F, label, pred) - pred)
        half = None if self._weight is None else self._weight / 2
        return self._per_sample(F, self._weighted(F, loss, sample_weight, half))


class L1Loss(Loss):
    """weight * |label - pred|, averaged per sample. Output: (batch,)."""

    def __init__(self, weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss. label: as many values as pred."""
        loss = F.abs(_reshape_like(F, label, pred) - pred)
        return self._per_sample(F, self._weighted(F, loss, sample_weight))


class HuberLoss(Loss):
    """Quadratic up to a difference of rho, linear beyond, averaged per sample. Output: (batch,).

    (label - pred)^2 / (2 rho) where |label - pred| <= rho, else |label - pred| - rho / 2.
    """

    def __init__(self, rho: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._rho = rho

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss. label: as many values as pred."""
        distance = F.abs(_reshape_like(F, label, pred) - pred)
        loss = F.where(distance > self._rho, distance - 0.5 * self._rho, (0.5 / self._rho) * F.square(distance))
        return self._per_sample(F, self._weighted(F, loss, sample_weight))


class PoissonNLLLoss(Loss):
    """Negative log likelihood of counts under a Poisson distribution, averaged over everything. Output: (1,).

    from_logits: pred is the logarithm of the mean. compute_full: with Stirling's approximation of log(target!) for
    targets above 1.
    """

    def __init__(
        self,
        weight: float | None = None,
        from_logits: bool = True,
        batch_axis: int = 0,
        compute_full: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits = from_logits
        self._compute_full = compute_full

    def hybrid_forward(self, F: Any, pred: Any, target: Any, sample_weight: Any = None, epsilon: float = 1e-08) -> Any:
        """The loss. epsilon: keeps the logarithm of pred finite."""
        target = _reshape_like(F, target, pred)
        if self._from_logits:
            loss = F.exp(pred) - target * pred
        else:
            loss = pred - target * F.log(pred + epsilon)
        if self._compute_full:
            stirling = target * F.log(target) - target + 0.5 * F.log(2 * target * math.pi)
            # 0 * log(0) is NaN, which a factor of 0 would leave
            loss = loss + F.where(target > 1, stirling, F.zeros_like(target))
        return F.mean(self._weighted(F, loss, sample_weight))
