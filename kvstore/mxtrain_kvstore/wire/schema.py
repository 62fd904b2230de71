"""The checks that a field of a message must pass; what they accept is all that a decoder lets through."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

MAX_INT = (1 << 63) - 1


class Check(ABC):
    """Accepts or rejects one decoded value."""

    @abstractmethod
    def accepts(self, value: Any) -> bool:
        """Whether the value has the declared form."""


class Integer(Check):
    """A whole number from 0 to `most`."""

    def __init__(self, most: int = MAX_INT) -> None:
        self.most = most

    def accepts(self, value: Any) -> bool:
        """Whether the value is such a number; bool is none."""
        return type(value) is int and 0 <= value <= self.most


class Number(Check):
    """A finite float."""

    def accepts(self, value: Any) -> bool:
        """Whether the value is such a number; int is none."""
        return type(value) is float and math.isfinite(value)


class Flag(Check):
    """True or False."""

    def accepts(self, value: Any) -> bool:
        """Whether the value is a bool."""
        return type(value) is bool


class Text(Check):
    """A string of at most `most` characters."""

    def __init__(self, most: int) -> None:
        self.most = most

    def accepts(self, value: Any) -> bool:
        """Whether the value is such a string."""
        return type(value) is str and len(value) <= self.most


class Key(Check):
    """The name of a parameter: a string of at most 1024 characters, or a whole number of 63 bits."""

    def accepts(self, value: Any) -> bool:
        """Whether the value is such a name."""
        if type(value) is str:
            return len(value) <= 1024
        return type(value) is int and -MAX_INT <= value <= MAX_INT


class ListOf(Check):
    """A list of at most `most` values that each pass `item`."""

    def __init__(self, item: Check, most: int) -> None:
        self.item = item
        self.most = most

    def accepts(self, value: Any) -> bool:
        """Whether the value is such a list."""
        return type(value) is list and len(value) <= self.most and all(map(self.item.accepts, value))


class Record(Check):
    """A list of as many values as there are checks, each passing its own."""

    def __init__(self, *items: Check) -> None:
        self.items = items

    def accepts(self, value: Any) -> bool:
        """Whether the value is such a list."""
        return (
            type(value) is list
            and len(value) == len(self.items)
            and all(check.accepts(item) for check, item in zip(self.items, value, strict=True))
        )


class Plain(Check):
    """A tree of None, bool, int, float, str, lists and maps with text keys, at most `depth` deep."""

    def __init__(self, depth: int = 8) -> None:
        self.depth = depth

    def accepts(self, value: Any) -> bool:
        """Whether the value is such a tree."""
        return _is_plain(value, self.depth)


def _is_plain(value: Any, depth: int) -> bool:
    if value is None or type(value) in (bool, int, float, str):
        return True
    if depth == 0:
        return False
    if type(value) is list:
        return all(_is_plain(item, depth - 1) for item in value)
    return type(value) is dict and all(type(k) is str and _is_plain(v, depth - 1) for k, v in value.items())


class Runs(Check):
    """Runs of blocks: lists [segment, first block, number of blocks, round]; at least one."""

    def __init__(self, most: int) -> None:
        self.most = most

    def accepts(self, value: Any) -> bool:
        """Whether the value is such a list of runs."""
        if type(value) is not list or not 0 < len(value) <= self.most:
            return False
        for run in value:
            if type(run) is not list or len(run) != 4:
                return False
            for number in run:
                if type(number) is not int or not 0 <= number <= MAX_INT:
                    return False
            if run[2] == 0:
                return False
        return True
