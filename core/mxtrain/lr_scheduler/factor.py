"""Schedulers that multiply the learning rate by a factor, at regular or at stated updates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from mxtrain import log
from mxtrain.base import ArgumentError
from mxtrain.lr_scheduler.base import LRScheduler, check_integer, check_number, register


@register
class FactorScheduler(LRScheduler):
    """Multiplies the rate by `factor` after every `step` updates, down to `stop_factor_lr`.

    Once n updates are counted the rate is base_lr * factor ** ((n - 1) // step). Assigning `base_lr` during training
    takes effect from the next call.

    Raises ArgumentError for step < 1 or factor > 1. Source: mxnet.lr_scheduler.FactorScheduler of MXNet 1.9.1.
    """

    progress_fields: ClassVar[tuple[str, ...]] = (*LRScheduler.progress_fields, "count")

    def __init__(
        self,
        step: int,
        factor: float = 1,
        stop_factor_lr: float = 1e-8,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        check_integer("step", step, minimum=1)
        _check_factor(factor)
        check_number("stop_factor_lr", stop_factor_lr)
        self.step = step
        self.factor = factor
        self.stop_factor_lr = stop_factor_lr
        self.count = 0

    def _decayed_lr(self, num_update: int) -> float:
        while num_update > self.count + self.step:
            if self.factor == 1 or self.base_lr == self.stop_factor_lr:
                # no later step changes the rate: pass over all of them, however far ahead a resumed count lies
                self.count += (num_update - self.count - 1) // self.step * self.step
                break
            self._lower(num_update)
        return self.base_lr

    def _lower(self, num_update: int) -> None:
        """Makes the next step down."""
        self.count += self.step
        self.base_lr *= self.factor
        if self.base_lr < self.stop_factor_lr:
            self.base_lr = self.stop_factor_lr
            log.info("Update[%d]: learning rate reached %0.5e and will not change again", num_update, self.base_lr)
        else:
            log.info("Update[%d]: Change learning rate to %0.5e", num_update, self.base_lr)

    def arguments(self) -> dict[str, Any]:
        """The constructor arguments that make this scheduler again."""
        own = {"step": self.step, "factor": self.factor, "stop_factor_lr": self.stop_factor_lr}
        return {**super().arguments(), **own}


@register
class MultiFactorScheduler(LRScheduler):
    """Multiplies the rate by `factor` once each number of updates in the increasing list `step` is exceeded.

    Raises ArgumentError for an empty, non-increasing or non-positive list, or factor > 1.
    Source: mxnet.lr_scheduler.MultiFactorScheduler of MXNet 1.9.1.
    """

    progress_fields: ClassVar[tuple[str, ...]] = (*LRScheduler.progress_fields, "count", "cur_step_ind")

    def __init__(
        self,
        step: Sequence[int],
        factor: float = 1,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        _check_steps(step)
        _check_factor(factor)
        self.step = list(step)
        self.cur_step_ind = 0
        self.factor = factor
        self.count = 0

    def _decayed_lr(self, num_update: int) -> float:
        while self.cur_step_ind < len(self.step) and num_update > self.step[self.cur_step_ind]:
            self.count = self.step[self.cur_step_ind]
            self.cur_step_ind += 1
            self.base_lr *= self.factor
            log.info("Update[%d]: Change learning rate to %0.5e", num_update, self.base_lr)
        return self.base_lr

    def arguments(self) -> dict[str, Any]:
        """The constructor arguments that make this scheduler again."""
        return {**super().arguments(), "step": list(self.step), "factor": self.factor}


def _check_factor(factor: float) -> None:
    """Raises ArgumentError for a factor that would make the rate grow."""
    check_number("factor", factor)
    if factor > 1:
        raise ArgumentError(f"Expected factor <= 1, so that the learning rate falls. Received: {factor}.")


def _check_steps(step: Sequence[int]) -> None:
    """Raises ArgumentError unless `step` is a non-empty increasing list of positive integers."""
    if not isinstance(step, (list, tuple)) or not step:
        raise ArgumentError(f"Expected a non-empty list of updates for step. Received: {step!r}.")
    for number in step:
        check_integer("each step", number, minimum=1)
    if any(later <= earlier for earlier, later in pairwise(step)):
        raise ArgumentError(f"Expected an increasing list of updates for step. Received: {step!r}.")
