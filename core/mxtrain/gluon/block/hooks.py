"""Hooks: functions called before or after a block's forward, until they are detached."""

import itertools
from collections.abc import Callable
from typing import Any

_numbers = itertools.count()


class HookHandle:
    """Takes a hook away again: by `detach()`, or at the end of a `with` block."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks = hooks
        self._number = next(_numbers)
        hooks[self._number] = hook

    def detach(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> "HookHandle":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.detach()
