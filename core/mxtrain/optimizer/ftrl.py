"""FTRL: follow the regularized leader."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer, zeros_like
from mxtrain.optimizer.registry import register


@register
class Ftrl(KernelOptimizer):
    """FTRL-Proximal. lamda1: L1 regularization, which sets small weights to 0. beta: damps early steps.

    State: (z, n), each as the weight. Rows without a gradient stay where both it and the weight are row_sparse.
    Source: http://dl.acm.org/citation.cfm?id=2488200; mxnet.optimizer.Ftrl of MXNet 1.9.1.
    """

    def __init__(self, lamda1: float = 0.01, learning_rate: float = 0.1, beta: float = 1, **kwargs: Any) -> None:
        # as in MXNet, the argument goes before a scheduler's base_lr only as the plain rate
        super().__init__(**kwargs)
        self.lamda1 = lamda1
        self.beta = beta
        self.lr = learning_rate

    def create_state(self, index: Hashable, weight: NDArray) -> tuple[NDArray, NDArray]:
        """(z, n)."""
        return (zeros_like(weight), zeros_like(weight))

    def updates_stored_rows(self, weight: NDArray, *, wd: float, is_master: bool) -> bool:
        """Where the weight is row_sparse, too, as in MXNet."""
        return weight.stype == "row_sparse"

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (z, n)."""
        hyper = {"lr": lr, "wd": wd, "lamda1": self.lamda1, "beta": self.beta}
        kernels.ftrl(xp, weight, grad, *states, **hyper, **self._common(), **low)
