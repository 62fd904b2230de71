"""Attributes that symbols take from the `with` block they are made in."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, ClassVar

from mxtrain.base import ArgumentError

__all__ = ["AttrScope", "current"]


class _WithCurrent(type):
    """Gives the class `AttrScope.current`, as MXNet's has."""

    @property
    def current(cls) -> "AttrScope":
        """The innermost attribute scope of this thread."""
        return current()


class AttrScope(metaclass=_WithCurrent):
    """A `with` block whose symbols carry attributes: `with AttrScope(ctx_group="dev1", __mood__="so so"): ...`.

    Values are strings. Names stand between double underscores, so that no operator's parameter is meant; `ctx_group`,
    `lr_mult` and the others that MXNet knows may be written without.
    """

    # how often each name was given to a body of a loop or branch; MXNet's scripts reset it
    _subgraph_names: ClassVar[defaultdict[str, int]] = defaultdict(int)

    def __init__(self, **kwargs: str) -> None:
        for key, value in kwargs.items():
            if not isinstance(value, str):
                raise ArgumentError(f"Expected: a string attribute. Received: {key}={value!r}.")
        self._attr = dict(kwargs)
        self._own = dict(kwargs)

    def get(self, attr: Mapping[str, str] | None) -> dict[str, str]:
        """The scope's attributes, overridden by `attr`."""
        return {**self._attr, **(attr or {})}

    def __enter__(self) -> "AttrScope":
        self._attr = {**current()._attr, **self._own}
        _scope.stack.append(self)
        return self

    def __exit__(self, *exc_info: Any) -> None:
        _scope.stack.pop()


class _Scope(threading.local):
    def __init__(self) -> None:
        self.stack = [AttrScope()]


_scope = _Scope()


def current() -> AttrScope:
    """The innermost attribute scope of this thread."""
    return _scope.stack[-1]
