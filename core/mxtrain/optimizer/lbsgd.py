"""SGD for large batches: gradients of several batches summed up, a warm-up, layer-wise rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

from mxtrain.optimizer.registry import register
from mxtrain.optimizer.sgd import SGD

#: How the share of the warm-up that is done becomes a share of the rise to batch_scale.
_WARMUPS: dict[str, Callable[[float], float]] = {
    "linear": lambda done: done,
    "power2": lambda done: done * done,
    "sqrt": math.sqrt,
}


@register
class LBSGD(SGD):
    """SGD that updates once in `batch_scale` calls, by the mean gradient, at up to `batch_scale` times the rate.

    warmup_strategy: "linear", "power2" or "sqrt": how the rate rises from 1 to batch_scale times lr within
    warmup_epochs * updates_per_epoch calls; "lars": the rate follows the norms of weight and gradient instead; any
    other: the rate stays. begin_epoch: epochs done before. num_epochs is not used.
    Summed-up gradients are not part of saved states.
    Source: arXiv:1706.02677, arXiv:1708.03888; mxnet.optimizer.LBSGD of MXNet 1.9.1.
    """

    elementwise: ClassVar[bool] = False
    master_weight_last: ClassVar[bool] = False
    config_attributes: ClassVar[dict[str, str]] = {"begin_epoch": "init_epoch"}

    def __init__(
        self,
        momentum: float = 0.0,
        multi_precision: bool = False,
        warmup_strategy: str = "linear",
        warmup_epochs: int = 5,
        batch_scale: float = 1,
        updates_per_epoch: int = 32,
        begin_epoch: int = 0,
        num_epochs: int = 60,
        **kwargs: Any,
    ) -> None:
        super().__init__(momentum, multi_precision=multi_precision, **kwargs)
        self.aggregate_num = 0
        self.warmup_strategy = warmup_strategy
        self.warmup_epochs = warmup_epochs
        self.batch_scale = batch_scale
        self.updates_per_epoch = updates_per_epoch
        self.init_epoch = begin_epoch
        self.num_epochs = num_epochs
        #: for each parameter, the number of calls and the sum of the gradients since its last update
        self.cumgrads: dict[Hashable, tuple[int, Any]] = {}

    def _hyper_parameters(self, index: Hashable) -> dict[str, Any]:
        return {**super()._hyper_parameters(index), "index": index}

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
        index: Hashable = None,
        **low: Any,
    ) -> None:
        """Sums the gradient up, and updates the weight if it is time; states: (momentum,) or ()."""
        num_calls, total = self.cumgrads.get(index, (self.init_epoch * self.updates_per_epoch, None))
        total = grad.astype(weight.dtype) if total is None else total + grad
        num_calls += 1
        if num_calls % self.batch_scale:
            self.cumgrads[index] = (num_calls, total)
            return
        self.cumgrads[index] = (num_calls, None)
        mean = total / self.batch_scale
        scale = self._norm_ratio(xp, weight, mean, wd) if self.warmup_strategy == "lars" else self._warmup(num_calls)
        super().step(xp, weight, mean, states, lr=lr * scale, wd=wd, t=t, **low)

    def _warmup(self, num_calls: int) -> float:
        """The factor of the learning rate after so many calls."""
        length = self.warmup_epochs * self.updates_per_epoch
        if num_calls >= length:
            return float(self.batch_scale)
        if length <= 1 or self.warmup_strategy not in _WARMUPS:
            return 1.0
        return 1.0 + (self.batch_scale - 1) * _WARMUPS[self.warmup_strategy](num_calls / length)

    def _norm_ratio(self, xp: Any, weight: Any, grad: Any, wd: float) -> float:
        """The norm of the weight over that of the gradient with decay, from 0.01 to 100."""
        weight_square, grad_square = (float((array.astype("float32") ** 2).sum()) for array in (weight, grad))
        ratio = math.sqrt(weight_square / (grad_square + wd * weight_square + 1e-18))
        return min(max(ratio, 0.01), 100.0)
