"""Optimizers that MXNet keeps under `mx.optimizer.contrib`."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from mxtrain.base import ArgumentError
from mxtrain.ndarray import NDArray, zeros
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer
from mxtrain.optimizer.moments import MomentsOptimizer
from mxtrain.optimizer.registry import register


@register
class GroupAdaGrad(KernelOptimizer):
    """AdaGrad with one history value for each row, for embeddings of shape (rows, columns). Weight decay must be 0.

    State: history of shape (rows, 1). Source: mxnet.optimizer.contrib.GroupAdaGrad of MXNet 1.9.1.
    """

    elementwise: ClassVar[bool] = False
    config_attributes: ClassVar[dict[str, str]] = {"eps": "float_stable_eps"}

    def __init__(self, eps: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index: Hashable, weight: NDArray) -> NDArray:
        """The history. Raises ArgumentError unless the weight has two axes."""
        if len(weight.shape) != 2:
            raise ArgumentError(f"GroupAdaGrad: expected a weight with two axes. Received: shape {weight.shape}.")
        return zeros((weight.shape[0], 1), weight.context, weight.dtype, stype=weight.stype)

    def updates_stored_rows(self, weight: NDArray, *, wd: float, is_master: bool) -> bool:
        """Always: a row without a gradient would not change anyway."""
        return True

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
        """One update on backend arrays; states: (history,)."""
        if wd:
            raise ArgumentError(f"GroupAdaGrad: expected no weight decay. Received: wd={wd}.")
        gradient = grad.astype(weight.dtype, copy=False)
        kernels.group_adagrad(xp, weight, gradient, *states, lr=lr, epsilon=self.float_stable_eps, **self._common())
        if low_precision is not None:
            low_precision[...] = weight


@register
class AdamW(MomentsOptimizer):
    """Adam with weight decay apart from the gradient: weight -= eta * (lr * step + wd * weight).

    eta: schedule factor for both parts. correct_bias: as in Adam. State: (mean, variance), each as the weight.
    Source: arXiv:1711.05101; operator contrib.adamw_update of MXNet 1.9.1, which has no such class.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        eta: float = 1.0,
        correct_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, **kwargs)
        self.eta = eta
        self.correct_bias = correct_bias

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (mean, variance)."""
        if self.correct_bias:
            lr *= math.sqrt(1 - self.beta2**t) / (1 - self.beta1**t)
        kernels.adamw(xp, weight, grad, *states, lr=lr, eta=self.eta, wd=wd, **self._decays(), **self._common(), **low)
