"""Names of symbols that the user did not name."""

import threading
from typing import Any

__all__ = ["NameManager", "Prefix"]


class _WithCurrent(type):
    """Gives the class `NameManager.current`, as MXNet's has."""

    @property
    def current(cls) -> "NameManager":
        """The innermost name manager of this thread."""
        return current()


class NameManager(metaclass=_WithCurrent):
    """Gives nameless symbols names such as "convolution0"; a `with` block starts from zero.

    Subclass and override `get` for another scheme.
    """

    def __init__(self) -> None:
        self._counter: dict[str, int] = {}

    def get(self, name: str | None, hint: str) -> str:
        """The given name, or hint + running number where it is None."""
        if name:
            return name
        number = self._counter.get(hint, 0)
        self._counter[hint] = number + 1
        return f"{hint}{number}"

    def __enter__(self) -> "NameManager":
        _scope.stack.append(self)
        return self

    def __exit__(self, *exc_info: Any) -> None:
        _scope.stack.pop()


class Prefix(NameManager):
    """Puts a prefix before every name, given or made."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def get(self, name: str | None, hint: str) -> str:
        """The prefixed name."""
        return self._prefix + super().get(name, hint)


class _Scope(threading.local):
    def __init__(self) -> None:
        self.stack = [NameManager()]


_scope = _Scope()


def current() -> NameManager:
    """The innermost name manager of this thread."""
    return _scope.stack[-1]
