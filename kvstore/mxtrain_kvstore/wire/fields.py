"""How a message is declared, and the forms of fields that several messages have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from mxtrain_kvstore.wire.schema import Check, Integer, ListOf, Number, Record, Runs, Text

#: Version of this protocol; a server refuses workers of another.
PROTOCOL = 4
#: Most runs, keys or blocks that one message may name.
MAX_ITEMS = 16384

Run = list[int]
_MessageClass = TypeVar("_MessageClass", bound="type[Any]")

kinds: dict[int, tuple[type[Any], tuple[Check, ...]]] = {}
kind_of: dict[type[Any], int] = {}


def message(kind: int, **fields: Check) -> Callable[[_MessageClass], _MessageClass]:
    """Class decorator: registers a NamedTuple under its number on the wire, with the check of each field."""

    def register(klass: _MessageClass) -> _MessageClass:
        if tuple(fields) != klass._fields or kind in kinds:
            raise TypeError(f"{klass.__name__}: every field needs a check, and kind {kind} must be free")
        kinds[kind] = (klass, tuple(fields.values()))
        kind_of[klass] = kind
        return klass

    return register


REQUEST = Integer()
STORE = Integer(1 << 31)
SERVER = Integer(1 << 20)
NAME = Text(256)
REASON = Text(8192)
RUNS = Runs(MAX_ITEMS)
DTYPE = Text(32)
SHAPE = ListOf(Integer(), 64)
FILE = Record(Integer(), Integer(), Integer(), Text(64))
#: The staleness of a store whose workers may be any number of rounds apart.
UNBOUNDED = 1 << 31
#: How payloads are encoded: [name, parameter] of a `compression.codec.Codec`; name "": raw values.
CODEC = Record(Text(16), Number())
NO_CODEC: list[Any] = ["", 0.0]
PART = Record(SERVER, *[Integer()] * 6)
