"""LARS: layer-wise adaptive rate scaling."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.registry import register
from mxtrain.optimizer.sgd import SGD

#: Parameters whose names end so keep the plain learning rate.
_UNSCALED = ("gamma", "beta", "bias")


@register
class LARS(SGD):
    """SGD whose learning rate is scaled, for each parameter, by the ratio of the norms of weight and gradient.

    eta, eps: the factor is eta * |weight| / (|grad| + wd * |weight| + eps); 1 for names ending in gamma,
    beta or bias.
    momentum_correction: scales the momentum by the ratio of the new rate to the last one in the step where a scheduler
    changes it (MXNet does so only for the parameters that its first call in that step updates).
    Source: arXiv:1708.03888; mxnet.optimizer.LARS of MXNet 1.9.1.
    """

    elementwise: ClassVar[bool] = False
    progress_fields: ClassVar[tuple[str, ...]] = ("last_lr", "cur_lr", "lr_update")

    def __init__(
        self,
        momentum: float = 0.0,
        lazy_update: bool = True,
        eta: float = 0.001,
        eps: float = 0,
        momentum_correction: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(momentum, lazy_update, **kwargs)
        self.eta = eta
        self.eps = eps
        self.momentum_correction = momentum_correction
        self.last_lr: float | None = None
        self.cur_lr: float | None = None
        self.lr_update = 0

    def set_wd_mult(self, args_wd_mult: Mapping[Hashable, float]) -> None:
        """As in `Optimizer`, but by default only parameters named *_weight decay."""
        without_decay: dict[Hashable, float] = {name: 0.0 for name in self.idx2name.values() if name.endswith("_gamma")}
        super().set_wd_mult({**without_decay, **self._symbol_multipliers("__wd_mult__"), **args_wd_mult})

    def _get_lrs(self, indices: Sequence[Hashable]) -> list[float]:
        """The learning rates of parameters; remembers the plain rate and the one before it."""
        lr = self.learning_rate
        if self.cur_lr is None or self.num_update > self.lr_update:
            self.last_lr = lr if self.cur_lr is None else self.cur_lr
            self.cur_lr = lr
            self.lr_update = self.num_update
        return super()._get_lrs(indices)

    def _hyper_parameters(self, index: Hashable) -> dict[str, Any]:
        return {**super()._hyper_parameters(index), "scaled": not self._name_of(index).endswith(_UNSCALED)}

    def _name_of(self, index: Hashable) -> str:
        return self.idx2name.get(index, str(index))

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
        scaled: bool = True,
        **low: Any,
    ) -> None:
        """One update on backend arrays; states: (momentum,) or (). scaled: whether the norms scale the rate."""
        if scaled:
            lr *= self._trust_ratio(float(xp.linalg.norm(weight)), float(xp.linalg.norm(grad)) * self.rescale_grad, wd)
        hyper = {"lr": lr, "wd": wd, **self._common(), **low}
        if states:
            kernels.sgd_mom(xp, weight, grad, states[0], momentum=self._corrected_momentum(), **hyper)
        else:
            kernels.sgd(xp, weight, grad, **hyper)

    def _trust_ratio(self, weight_norm: float, grad_norm: float, wd: float) -> float:
        """The factor of the learning rate for one parameter."""
        if not weight_norm or not grad_norm:
            return 1.0
        return self.eta * weight_norm / (grad_norm + wd * weight_norm + self.eps)

    def _corrected_momentum(self) -> float:
        """The momentum for this update: past steps were made at the last learning rate."""
        if not self.momentum_correction or not self.last_lr or self.cur_lr is None:
            return self.momentum
        return self.momentum * (self.cur_lr / self.last_lr)
