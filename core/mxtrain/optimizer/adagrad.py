"""AdaGrad."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from mxtrain.base import ArgumentError
from mxtrain.ndarray import NDArray
from mxtrain.ops.kernels import optimizer_updates as kernels
from mxtrain.optimizer.kernel_optimizer import KernelOptimizer, zeros_like
from mxtrain.optimizer.registry import register


@register
class AdaGrad(KernelOptimizer):
    """AdaGrad: divides the gradient by the root of the sum of all its squares. State: that sum, as the weight.

    Rows without a gradient stay as they are where gradients are row_sparse; weight decay must then be 0.
    Source: http://www.jmlr.org/papers/volume12/duchi11a/duchi11a.pdf; mxnet.optimizer.AdaGrad of MXNet 1.9.1.
    """

    config_attributes: ClassVar[dict[str, str]] = {"eps": "float_stable_eps"}

    def __init__(self, eps: float = 1e-7, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index: Hashable, weight: NDArray) -> NDArray:
        """The history of squares."""
        return zeros_like(weight)

    def updates_stored_rows(self, weight: NDArray, *, wd: float, is_master: bool) -> bool:
        """Always. Raises ArgumentError with weight decay, which would change all rows, as in MXNet."""
        if wd:
            raise ArgumentError(f"AdaGrad: expected no weight decay with row_sparse gradients. Received: wd={wd}.")
        return True

    def step(
        self, xp: Any, weight: Any, grad: Any, states: Sequence[Any], *, lr: float, wd: float, t: int, **low: Any
    ) -> None:
        """One update on backend arrays; states: (history,)."""
        kernels.adagrad(xp, weight, grad, *states, lr=lr, wd=wd, epsilon=self.float_stable_eps, **self._common(), **low)
