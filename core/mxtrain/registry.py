"""Classes that are known by name: functions that register, alias and create them, one registry per base class."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

from mxtrain.base import ArgumentError, ArgumentTypeError

_registries: dict[type[Any], dict[str, type[Any]]] = {}


def get_registry(base_class: type[Any]) -> dict[str, type[Any]]:
    """A copy of the registry of a base class: names, in lower case, to classes."""
    return dict(_registries.get(base_class, {}))


def get_register_func(base_class: type[Any], nickname: str) -> Callable[..., Any]:
    """A function register(klass, name=None), usable as a decorator. nickname: what errors call the classes."""
    registry = _registries.setdefault(base_class, {})

    def register(klass: type[Any], name: str | None = None) -> type[Any]:
        if not (isinstance(klass, type) and issubclass(klass, base_class)):
            raise ArgumentTypeError(f"Can only register subclasses of {base_class.__name__}. Received: {klass!r}.")
        key = (klass.__name__ if name is None else name).lower()
        if key in registry and registry[key] is not klass:
            known = registry[key]
            warnings.warn(
                f"New {nickname} {klass.__module__}.{klass.__name__} registered with name {key} is overriding existing"
                f" {nickname} {known.__module__}.{known.__name__}",
                stacklevel=2,
            )
        registry[key] = klass
        return klass

    register.__doc__ = f"Registers a {nickname} under a name, by default its class name; the case does not matter."
    return register


def get_alias_func(base_class: type[Any], nickname: str) -> Callable[..., Any]:
    """A decorator alias(*names) that registers a class under further names."""
    register = get_register_func(base_class, nickname)

    def alias(*aliases: str) -> Callable[[type[Any]], type[Any]]:
        def decorate(klass: type[Any]) -> type[Any]:
            for name in aliases:
                register(klass, name)
            return klass

        return decorate

    alias.__doc__ = f"Class decorator: registers a {nickname} under further names."
    return alias


def get_create_func(base_class: type[Any], nickname: str) -> Callable[..., Any]:
    """A function create(what, *args, **kwargs).

    what: a registered name; an instance, returned as it is; a dictionary {nickname: name, argument: value}; or the
    JSON text of such a dictionary, or of a list [name, {argument: value}].
    """
    registry = _registries.setdefault(base_class, {})

    def create(*args: Any, **kwargs: Any) -> Any:
        what, args = (args[0], args[1:]) if args else (kwargs.pop(nickname, None), ())
        if isinstance(what, base_class):
            if args or kwargs:
                raise ArgumentTypeError(f"Expected: no further arguments beside a {nickname} instance.")
            return what
        if isinstance(what, dict):
            return create(**what)
        if not isinstance(what, str):
            raise ArgumentTypeError(f"Expected: a name ({nickname}). Received: {type(what).__name__}.")
        if what.startswith(("[", "{")):
            return _create_from_json(create, what, nickname, args, kwargs)
        klass = registry.get(what.lower())
        if klass is None:
            raise ArgumentError(f"Expected: one of the {nickname}s {sorted(registry)}. Received: {what!r}.")
        return klass(*args, **kwargs)

    create.__doc__ = f"Creates a {nickname} by name, from a dictionary or from JSON text; an instance stays as it is."
    return create


def _create_from_json(create: Callable[..., Any], text: str, nickname: str, args: Any, kwargs: Any) -> Any:
    if args or kwargs:
        raise ArgumentTypeError(f"Expected: no further arguments beside the JSON text of a {nickname}.")
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        raise ArgumentError(f"Expected: the JSON text of a {nickname}. Received: {text!r:.200} ({error}).") from error
    if isinstance(parsed, dict):
        return create(**parsed)
    if len(parsed) == 2 and isinstance(parsed[0], str) and isinstance(parsed[1], dict):
        return create(parsed[0], **parsed[1])
    raise ArgumentError(f"Expected: [name, {{argument: value}}] as JSON. Received: {text!r:.200}.")
