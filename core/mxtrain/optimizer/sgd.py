"""Stochastic gradient descent with momentum and weight decay."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import dense_zeros_like, zeros_like
from mxtrain.optimizer.momentum import MomentumOptimizer
from mxtrain.optimizer.registry import register

#: Parameters that one call of the updater handles together, as in MXNet 1.9.1.
AGGREGATE_NUM = 4


@register
class SGD(MomentumOptimizer):
    """SGD: mom = momentum * mom - lr * (clip(rescale_grad * grad) + wd * weight); weight += mom.

    momentum: 0 for none. lazy_update: rows without a gradient stay as they are where gradients are row_sparse.
    State: momentum, as the weight; None without momentum.
    Source: mxnet.optimizer.SGD of MXNet 1.9.1.
    """

    master_weight_last: ClassVar[bool] = True

    def __init__(self, momentum: float = 0.0, lazy_update: bool = True, **kwargs: Any) -> None:
        super().__init__(momentum, **kwargs)
        self.lazy_update = lazy_update
        self.aggregate_num = AGGREGATE_NUM

    def create_state(self, index: Hashable, weight: NDArray) -> NDArray | None:
        """The momentum, as the weight (dense where updates are not lazy), or None."""
        if not self.momentum:
            return None
        return zeros_like(weight) if self.lazy_update else dense_zeros_like(weight)

    def updates_stored_rows(self, weight: NDArray, *, wd: float, is_master: bool) -> bool:
        """Where updates are lazy; through float32 copies they never are, as in MXNet."""
        return self.lazy_update and self.elementwise and not is_master

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (momentum,) or ()."""
        if states:
            kernels.sgd_mom(xp, weight, grad, states[0], momentum=self.momentum, lr=lr, wd=wd, **self._common(), **low)
        else:
            kernels.sgd(xp, weight, grad, lr=lr, wd=wd, **self._common(), **low)


@register
class ccSGD(SGD):
    """SGD under a name of early MXNet."""
