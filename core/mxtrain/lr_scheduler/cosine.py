"""The cosine scheduler."""

from __future__ import annotations

from math import cos, pi

from mxtrain.lr_scheduler.base import register
from mxtrain.lr_scheduler.poly import CurveScheduler


@register
class CosineScheduler(CurveScheduler):
    """Falls as final_lr + (base_lr - final_lr) * (1 + cos(pi * part)) / 2, part being the share of updates done.

    Raises ArgumentError for max_update < 1. Source: arXiv:1608.03983, eq. 5, without restarts;
    mxnet.lr_scheduler.CosineScheduler of MXNet 1.9.1.
    """

    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)

    def _shape(self, part: float) -> float:
        return (1 + cos(pi * part)) / 2
