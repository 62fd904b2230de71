"""What a test runs in: environment variables, a silent stderr, further attempts."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from mxtrain.base import ArgumentError, ArgumentTypeError
from mxtrain.util import getenv, setenv

__all__ = ["discard_stderr", "environment", "retry"]

_Result = TypeVar("_Result")


@contextlib.contextmanager
def environment(*args: Any) -> Iterator[None]:
    """A `with` block in which environment variables have other values; they are put back at its end.

    args: a name and its value, or a mapping of names to values; None as a value means not set.
    """
    wanted: Mapping[str, str | None] = _as_mapping(args)
    saved = {name: getenv(name) for name in wanted}
    try:
        for name, value in wanted.items():
            setenv(name, value)
        yield
    finally:
        for name, value in saved.items():
            setenv(name, value)


def _as_mapping(args: tuple[Any, ...]) -> dict[str, str | None]:
    if len(args) == 1 and isinstance(args[0], Mapping):
        pairs = dict(args[0])
    elif len(args) == 2:
        pairs = {args[0]: args[1]}
    else:
        raise ArgumentTypeError(f"Expected: a name and a value, or one mapping. Received: {len(args)} argument(s).")
    wrong = [item for item in pairs.items() if not isinstance(item[0], str) or not isinstance(item[1], str | None)]
    if wrong:
        raise ArgumentTypeError(f"Expected: names and values as strings (or None as value). Received: {wrong}.")
    return pairs


@contextlib.contextmanager
def discard_stderr() -> Iterator[None]:
    """A `with` block whose error output goes nowhere, that of libraries and child processes among it."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            with contextlib.redirect_stderr(nowhere):
                yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def retry(n: int) -> Callable[[Callable[..., _Result]], Callable[..., _Result]]:
    """Decorator for tests of random numbers: they fail when they have raised AssertionError n times in a row."""
    if n < 1:
        raise ArgumentError(f"Expected: a number of attempts >= 1. Received: {n}.")

    def decorate(test: Callable[..., _Result]) -> Callable[..., _Result]:
        @functools.wraps(test)
        def attempts(*args: Any, **kwargs: Any) -> _Result:
            for _ in range(n - 1):
                with contextlib.suppress(AssertionError):
                    return test(*args, **kwargs)
            return test(*args, **kwargs)

        return attempts

    return decorate
