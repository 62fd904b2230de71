"""The optimizers that are known by name, and how they are made from a name and plain values."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

from mxtrain import lr_scheduler
from mxtrain.base import ArgumentError, ArgumentTypeError, MXNetError
from mxtrain.optimizer.configuration import check_arguments

_Class = TypeVar("_Class", bound="type[Any]")

classes: dict[str, type[Any]] = {}


def register(klass: _Class) -> _Class:
    """Class decorator: makes an optimizer known by its class name (case does not matter)."""
    name = klass.__name__.lower()
    known = classes.get(name)
    if known is not None:
        warnings.warn(
            f"New optimizer {klass.__module__}.{klass.__name__} is overriding existing optimizer"
            f" {known.__module__}.{known.__name__}",
            stacklevel=2,
        )
    classes[name] = klass
    return klass


def find(name: str) -> type[Any]:
    """The class of a name. Raises ArgumentError (a ValueError) for an unknown one."""
    if not isinstance(name, str):
        raise ArgumentTypeError(f"Expected: the name of an optimizer. Received: {type(name).__name__}.")
    klass = classes.get(name.lower())
    if klass is None:
        raise ArgumentError(f"Cannot find optimizer {name!r}. Expected: one of {sorted(classes)}.")
    return klass


def create(name: str, **kwargs: Any) -> Any:
    """A new optimizer by its registered name, such as create("sgd", momentum=0.9)."""
    return find(name)(**kwargs)


def from_config(description: Mapping[str, Any]) -> Any:
    """The optimizer that `Optimizer.to_config` described: {"name": str, "config": {argument: plain value}}.

    Every argument is optional. "param_idx2name", "lr_mult" and "wd_mult" are lists of [index or name, value] pairs,
    "lr_scheduler" is what the scheduler's to_config gave, "progress" the counts.

    Raises MXNetError for a description that names no known optimizer or does not fit it; runs no foreign code.
    """
    if not isinstance(description, Mapping) or not isinstance(description.get("config", {}), Mapping):
        raise MXNetError(f"Expected: an optimizer's name and config. Received: {description!r:.200}.")
    klass = find(description.get("name", ""))
    config = dict(description.get("config", {}))
    lr_mult, wd_mult = (_table(config.pop(key, None), key) for key in ("lr_mult", "wd_mult"))
    progress = config.pop("progress", {})
    config["param_idx2name"] = _table(config.pop("param_idx2name", None), "param_idx2name")
    check_arguments(klass, config)
    optimizer = _construct(klass, config)
    optimizer.lr_mult.update(lr_mult)
    optimizer.wd_mult.update(wd_mult)
    optimizer.set_progress(progress)
    return optimizer


def _construct(klass: type[Any], config: dict[str, Any]) -> Any:
    """An optimizer from its arguments; a scheduler keeps the rate that it has come to."""
    if config.get("lr_scheduler") is None:
        return klass(**config)
    scheduler = lr_scheduler.from_config(config["lr_scheduler"])
    optimizer = klass(**{**config, "lr_scheduler": scheduler, "learning_rate": scheduler.base_lr})
    optimizer.lr = config.get("learning_rate", scheduler.base_lr)
    return optimizer


def _table(pairs: Any, what: str) -> dict[Any, Any]:
    """A dictionary from the list of pairs that stands for it (its keys may be integers, which msgpack dislikes)."""
    try:
        return dict(pairs or ())
    except (TypeError, ValueError) as error:
        raise MXNetError(f"Expected: a list of pairs for {what}. Received: {pairs!r:.200}.") from error
