"""Attributes that symbols take from the `with` block they are made in."""

import threading
from collections.abc import Mapping
from typing import Any

from mxtrain.base import ArgumentTypeError

__all__ = ["AttrScope", "current"]


class AttrScope:
    """A `with` block whose symbols carry attributes: `with AttrScope(ctx_group="dev1"): ...`.

    Values are strings. A key x is stored as __x__, as MXNet stores user attributes.
    """

    def __init__(self, **kwargs: str) -> None:
        for key, value in kwargs.items():
            if not isinstance(value, str):
                raise ArgumentTypeError(f"Expected: a string attribute. Received: {key}={value!r}.")
        self._attr = {_hidden(key): value for key, value in kwargs.items()}
        self._own = dict(self._attr)

    def get(self, attr: Mapping[str, str] | None) -> dict[str, str]:
        """The scope's attributes, overridden by `attr`."""
        return {**self._attr, **(attr or {})}

    def __enter__(self) -> "AttrScope":
        self._attr = {**current()._attr, **self._own}
        _scope.stack.append(self)
        return self

    def __exit__(self, *exc_info: Any) -> None:
        _scope.stack.pop()


def _hidden(key: str) -> str:
    return key if key.startswith("__") and key.endswith("__") else f"__{key}__"


class _Scope(threading.local):
    def __init__(self) -> None:
        self.stack = [AttrScope()]


_scope = _Scope()


def current() -> AttrScope:
    """The innermost attribute scope of this thread."""
    return _scope.stack[-1]
