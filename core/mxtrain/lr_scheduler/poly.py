"""The polynomial scheduler, and what it shares with the cosine one: a curve from base_lr to final_lr."""

from __future__ import annotations

from typing import Any, ClassVar

from mxtrain.lr_scheduler.base import LRScheduler, check_integer, check_number, register


class CurveScheduler(LRScheduler):
    """A rate that follows a curve from base_lr, after the warm-up, to final_lr at `max_update`, and stays there.

    A subclass gives the curve as `_shape`. As in MXNet 1.9.1 the curve starts at the base_lr of the constructor:
    assigning `base_lr` later has no effect. Unlike there, a job resumed beyond max_update starts at final_lr.
    """

    progress_fields: ClassVar[tuple[str, ...]] = (*LRScheduler.progress_fields, "base_lr_orig")

    def __init__(
        self,
        max_update: int,
        base_lr: float,
        final_lr: float,
        warmup_steps: int,
        warmup_begin_lr: float,
        warmup_mode: str,
    ) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        check_integer("max_update", max_update, minimum=1)
        check_number("final_lr", final_lr)
        self.base_lr_orig = base_lr
        self.max_update = max_update
        self.final_lr = final_lr
        self.max_steps = max_update - warmup_steps

    def _shape(self, part: float) -> float:
        """The remaining share of the fall, from 1 at part = 0 to 0 at part = 1."""
        raise NotImplementedError

    def _decayed_lr(self, num_update: int) -> float:
        done = min(num_update, self.max_update) - self.warmup_steps
        # a warm-up as long as the whole schedule leaves no steps to fall in: the curve is at its end
        part = done / self.max_steps if self.max_steps > 0 else 1.0
        self.base_lr = self.final_lr + (self.base_lr_orig - self.final_lr) * self._shape(part)
        return self.base_lr

    def arguments(self) -> dict[str, Any]:
        """The constructor arguments that make this scheduler again."""
        return {**super().arguments(), "max_update": self.max_update, "final_lr": self.final_lr}


@register
class PolyScheduler(CurveScheduler):
    """Falls as final_lr + (base_lr - final_lr) * (1 - part) ** pwr, where part is the share of updates done.

    Raises ArgumentError for max_update < 1. Source: mxnet.lr_scheduler.PolyScheduler of MXNet 1.9.1.
    """

    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        pwr: float = 2,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        check_number("pwr", pwr)
        self.power = pwr

    def _shape(self, part: float) -> float:
        return pow(1 - part, self.power)

    def arguments(self) -> dict[str, Any]:
        """The constructor arguments that make this scheduler again."""
        return {**super().arguments(), "pwr": self.power}
