"""The base of all learning-rate schedulers: warm-up, and the plain form in which a scheduler travels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from mxtrain.base import ArgumentError, MXNetError

_schedulers: dict[str, type[LRScheduler]] = {}
_Scheduler = TypeVar("_Scheduler", bound="type[LRScheduler]")


class LRScheduler:
    """Maps the number of updates done so far to a learning rate.

    base_lr: the rate after the warm-up. warmup_steps: number of updates during which the rate rises from
    warmup_begin_lr to base_lr; warmup_mode: 'linear', or 'constant' to stay at warmup_begin_lr until then.

    Raises ArgumentError (a ValueError) for a warm-up that is negative, falls, or has an unknown mode.
    Source: follows mxnet.lr_scheduler.LRScheduler of MXNet 1.9.1.
    """

    #: Attributes that change while training runs; they travel in the configuration beside the arguments.
    progress_fields: ClassVar[tuple[str, ...]] = ("base_lr", "warmup_final_lr")

    def __init__(
        self,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ) -> None:
        _check_warmup(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        self.base_lr = base_lr
        self.warmup_steps = warmup_steps
        self.warmup_final_lr = base_lr
        self.warmup_begin_lr = warmup_begin_lr
        self.warmup_mode = warmup_mode

    def get_warmup_lr(self, num_update: int) -> float:
        """The rate within the warm-up. Raises ArgumentError when num_update lies beyond warmup_steps."""
        if num_update >= self.warmup_steps:
            raise ArgumentError(f"get_warmup_lr: expected num_update < {self.warmup_steps}. Received: {num_update}.")
        if self.warmup_mode == "constant":
            return self.warmup_begin_lr
        rise = self.warmup_final_lr - self.warmup_begin_lr
        return self.warmup_begin_lr + rise * num_update / self.warmup_steps

    def __call__(self, num_update: int) -> float:
        """The learning rate once `num_update` updates have been counted."""
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        return self._decayed_lr(num_update)

    def _decayed_lr(self, num_update: int) -> float:
        """The rate after the warm-up; every scheduler states its own."""
        raise NotImplementedError(f"{type(self).__name__} must define _decayed_lr or __call__")

    def arguments(self) -> dict[str, Any]:
        """The constructor arguments that make this scheduler again (progress apart)."""
        return {
            "base_lr": self.warmup_final_lr,
            "warmup_steps": self.warmup_steps,
            "warmup_begin_lr": self.warmup_begin_lr,
            "warmup_mode": self.warmup_mode,
        }

    def to_config(self) -> dict[str, Any]:
        """A plain description, {"name", "config", "progress"}, from which `from_config` makes an equal scheduler.

        Raises MXNetError for a class that was not registered, as no other process could make it.
        """
        name = type(self).__name__
        if _schedulers.get(name.lower()) is not type(self):
            raise MXNetError(
                f"The learning-rate scheduler {name} cannot be described for another process: expected a registered"
                f" class, one of {sorted(_schedulers)}. Decorate it with @mx.lr_scheduler.register in both processes."
            )
        progress = {field: getattr(self, field) for field in self.progress_fields}
        return {"name": name, "config": self.arguments(), "progress": progress}


def register(klass: _Scheduler) -> _Scheduler:
    """Class decorator: makes a scheduler known to `from_config` by its class name (case does not matter)."""
    _schedulers[klass.__name__.lower()] = klass
    return klass


def from_config(description: Mapping[str, Any]) -> LRScheduler:
    """The scheduler that `to_config` described. Raises MXNetError for a description that names or fits none."""
    if not isinstance(description, Mapping) or not isinstance(description.get("name"), str):
        raise MXNetError(f"LR scheduler: expected a mapping with a 'name'. Received: {description!r:.200}.")
    name = description["name"]
    klass = _schedulers.get(name.lower())
    if klass is None:
        raise MXNetError(f"LR scheduler: expected one of {sorted(_schedulers)}. Received: {name!r}.")
    try:
        scheduler = klass(**description.get("config", {}))
    except (TypeError, ValueError) as error:
        raise MXNetError(f"LR scheduler {name}: the configuration does not fit: {error}.") from error
    _set_progress(scheduler, description.get("progress", {}))
    return scheduler


def _set_progress(scheduler: LRScheduler, progress: Mapping[str, Any]) -> None:
    """Sets the fields that change during training; only numbers, only declared names."""
    for field, value in progress.items():
        if field not in scheduler.progress_fields or not is_number(value):
            raise MXNetError(
                f"LR scheduler {type(scheduler).__name__}: expected numbers for {scheduler.progress_fields}"
                f" as progress. Received: {field}={value!r:.100}."
            )
        setattr(scheduler, field, value)


def _check_warmup(base_lr: float, warmup_steps: int, warmup_begin_lr: float, warmup_mode: str) -> None:
    """Raises ArgumentError where the warm-up cannot be followed."""
    check_number("base_lr", base_lr)
    check_number("warmup_begin_lr", warmup_begin_lr)
    check_integer("warmup_steps", warmup_steps, minimum=0)
    if warmup_begin_lr > base_lr:
        raise ArgumentError(f"Expected base_lr >= warmup_begin_lr ({warmup_begin_lr}). Received: base_lr={base_lr}.")
    if warmup_mode not in ("linear", "constant"):
        raise ArgumentError(f"Expected warmup_mode 'linear' or 'constant'. Received: {warmup_mode!r}.")


def is_number(value: object) -> bool:
    """True for Python and NumPy scalars, False for text, arrays and None."""
    return hasattr(value, "__float__") and not hasattr(value, "__len__")


def check_number(name: str, value: object) -> None:
    """Raises ArgumentError unless `value` is a number."""
    if not is_number(value):
        raise ArgumentError(f"Expected a number for {name}. Received: {value!r}.")


def check_integer(name: str, value: object, minimum: int) -> None:
    """Raises ArgumentError unless `value` is an integer of at least `minimum`."""
    if not hasattr(value, "__index__") or value < minimum:  # type: ignore[operator]
        raise ArgumentError(f"Expected an integer >= {minimum} for {name}. Received: {value!r}.")
