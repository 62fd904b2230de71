"""The plain form of an optimizer: how one is described so that another process can make an equal one."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

from mxtrain.base import ArgumentError, MXNetError

#: Constructor arguments that are described in a form of their own, or resolved into lr_mult and wd_mult.
_SPECIAL = {"lr_scheduler", "param_idx2name", "param_dict", "sym"}
#: Factors on single parameters.
_MULTIPLIERS = ("lr_mult", "wd_mult")
#: Constructor arguments that say what a state consists of, or where counts began: they stay as they were.
_FIXED = {"multi_precision", "begin_num_update"}


class Configurable:
    """What lets an optimizer be described by plain values; part of `Optimizer`."""

    #: Constructor arguments that are kept under another attribute name.
    config_attributes: ClassVar[dict[str, str]] = {}
    #: Plain attributes that change from update to update, beyond the counts.
    progress_fields: ClassVar[tuple[str, ...]] = ()

    # what the optimizer keeps
    opt_registry: ClassVar[dict[str, type[Any]]]
    num_update: int
    lr_scheduler: Any
    idx2name: dict[Hashable, str]
    param_dict: dict[Hashable, Any]
    lr_mult: dict[Hashable, float]
    wd_mult: dict[Hashable, float]
    _all_index_update_counts: dict[int, dict[Hashable, int]]

    def to_config(self) -> dict[str, Any]:
        """A description, {"name": str, "config": {...}}, of plain values only (numbers, text, lists, dictionaries).

        `mxtrain.optimizer.from_config` makes from it an optimizer that goes on where this one stands: with the same
        arguments, learning-rate scheduler, multipliers and counts. This is the form in which an optimizer travels to a
        server and lies in a file of optimizer states.

        Raises MXNetError where the class is not registered, or an argument or the scheduler has no plain form.
        """
        name = type(self).__name__.lower()
        if self.opt_registry.get(name) is not type(self):
            raise MXNetError(
                f"The optimizer {type(self).__name__} cannot be described for another process: expected a registered"
                " class. Decorate it with @mx.optimizer.register in both processes."
            )
        config = {
            argument: self._argument(argument) for argument in arguments_of(type(self)) if argument not in _SPECIAL
        }
        config["param_idx2name"] = [[index, name] for index, name in self.idx2name.items()]
        config["lr_mult"] = self._multiplier_pairs("lr_mult")
        config["wd_mult"] = self._multiplier_pairs("wd_mult")
        config["lr_scheduler"] = _scheduler_config(self.lr_scheduler)
        config["progress"] = self.progress()
        return {"name": name, "config": config}

    def hyper_parameters(self) -> dict[str, Any]:
        """What may be changed in mid-training, as plain values: numbers like learning_rate, wd, rescale_grad, and the
        multipliers lr_mult and wd_mult as lists of [name or index, factor].

        Raises MXNetError for a value that is not plain.
        """
        values = {name: self._argument(name) for name in self._changeable()}
        return {**values, "lr_mult": self._multiplier_pairs("lr_mult"), "wd_mult": self._multiplier_pairs("wd_mult")}

    def _changeable(self) -> list[str]:
        return [name for name in arguments_of(type(self)) if name not in _SPECIAL | _FIXED]

    def set_hyper_parameters(self, values: Mapping[str, Any]) -> None:
        """Continues with what `hyper_parameters` gave. Raises MXNetError for anything else, which changes nothing."""
        numbers = dict(values)
        try:
            tables = {which: {key: float(factor) for key, factor in numbers.pop(which)} for which in _MULTIPLIERS}
        except (KeyError, TypeError, ValueError) as error:
            raise MXNetError(f"Expected: the hyper-parameters of an optimizer. Received: {values!r:.200}.") from error
        check_arguments(type(self), numbers)
        wrong = sorted(set(numbers) ^ set(self._changeable()))
        if wrong:
            raise MXNetError(f"Optimizer {type(self).__name__}: expected {self._changeable()}. Differing: {wrong}.")
        for argument, value in numbers.items():
            setattr(self, self._attribute(argument), value)
        self.param_dict = {}  # its multipliers are among those given
        self.lr_mult, self.wd_mult = (tables[which] for which in _MULTIPLIERS)

    def _attribute(self, argument: str) -> str:
        """Where a constructor argument is kept."""
        return "lr" if argument == "learning_rate" else self.config_attributes.get(argument, argument)

    def _argument(self, argument: str) -> Any:
        """The plain value of a constructor argument."""
        attribute = self._attribute(argument)
        if not hasattr(self, attribute):
            raise MXNetError(
                f"The optimizer {type(self).__name__} cannot be described: expected its argument {argument!r} to be"
                f" kept as the attribute {attribute!r}. Keep it, or name the attribute in config_attributes."
            )
        return _plain(getattr(self, attribute), argument)

    def _multiplier_pairs(self, which: str) -> list[list[Any]]:
        """The multipliers by name and index; those of param_dict become multipliers of their index."""
        table: dict[Hashable, float] = dict(getattr(self, which))
        for index, parameter in self.param_dict.items():
            table[index] = getattr(parameter, which)
        return [[key, float(value)] for key, value in table.items()]

    def progress(self) -> dict[str, Any]:
        """The counts of updates and whatever else the next update depends on, as plain values."""
        counts = self._all_index_update_counts
        return {
            "num_update": self.num_update,
            "update_counts": [[device, [[i, n] for i, n in table.items()]] for device, table in counts.items()],
            "fields": {field: getattr(self, field) for field in self.progress_fields},
        }

    def set_progress(self, progress: Mapping[str, Any]) -> None:
        """Continues from what `progress` gave. Raises MXNetError for anything else."""
        try:
            self.num_update = int(progress.get("num_update", self.num_update))
            counts = self._all_index_update_counts
            for device, pairs in progress.get("update_counts", ()):
                counts.setdefault(device, {}).update({index: int(count) for index, count in pairs})
            fields = dict(progress.get("fields", {}))
        except (AttributeError, TypeError, ValueError) as error:
            raise MXNetError(f"Expected: the progress of an optimizer. Received: {progress!r:.200}.") from error
        for field, value in fields.items():
            if field not in self.progress_fields or not isinstance(value, (int, float, type(None))):
                raise MXNetError(f"Expected: numbers for {self.progress_fields}. Received: {field}={value!r:.100}.")
            setattr(self, field, value)


def arguments_of(klass: type[Any]) -> dict[str, inspect.Parameter]:
    """The constructor arguments of an optimizer class, also those that it passes on to its base classes."""
    found: dict[str, inspect.Parameter] = {}
    for owner in klass.__mro__:
        if "__init__" not in vars(owner) or owner is object:
            continue
        parameters = list(inspect.signature(vars(owner)["__init__"]).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                found.setdefault(parameter.name, parameter)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return found


def check_arguments(klass: type[Any], config: Mapping[str, Any]) -> None:
    """Raises ArgumentError for an argument that the class lacks, or a value of another kind than the default."""
    known = arguments_of(klass)
    for argument, value in config.items():
        if argument not in known:
            raise ArgumentError(
                f"Optimizer {klass.__name__}: expected arguments of {sorted(known)}. Received: {argument!r}."
            )
        if argument not in _SPECIAL and not _fits(value, known[argument].default):
            default = known[argument].default
            raise ArgumentError(
                f"Optimizer {klass.__name__}: expected for {argument} a value like {default!r}."
                f" Received: {value!r:.100}."
            )


def _fits(value: Any, default: Any) -> bool:
    """True when a value is of the kind that a default shows; None stands for an optional number."""
    if isinstance(default, str):
        return isinstance(value, str)
    if default is None or default is inspect.Parameter.empty:
        return value is None or isinstance(value, (bool, int, float))
    return isinstance(value, (bool, int, float))


def _plain(value: Any, argument: str) -> Any:
    """A number, text or None as Python has it. Raises MXNetError for anything else."""
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, (bool, int, float, str, type(None))):
        raise MXNetError(f"Expected: a number or text for {argument}. Received: {type(value).__name__}.")
    return value


def _scheduler_config(scheduler: Any) -> dict[str, Any] | None:
    if scheduler is None:
        return None
    if not hasattr(scheduler, "to_config"):
        raise MXNetError(
            f"The learning-rate scheduler {type(scheduler).__name__} cannot be described for another process: expected"
            " a subclass of mx.lr_scheduler.LRScheduler."
        )
    return scheduler.to_config()
