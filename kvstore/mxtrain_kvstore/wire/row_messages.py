"""Messages about single rows of parameters; see messages.py for the words.

A key's share on a server is a table: its first axis counts rows, of equally many elements each. Rows are numbered from
the beginning of the share.
"""

from __future__ import annotations

from typing import NamedTuple

from mxtrain_kvstore.wire.fields import REQUEST, message
from mxtrain_kvstore.wire.schema import Flag, Integer


@message(48, segment=Integer(), head=Integer(), round=Integer(), start=Integer(), total=Integer(), sparse=Flag())
class PushRows(NamedTuple):
    """A push of the key whose first block is `head`: some rows, the others being zeros. Round 0: initial values.

    Payload: the numbers of the rows, int64, rising; then their values. A push of many rows comes in several messages,
    one after the other: `start` rows of `total` came before. sparse: the key was initialized as row_sparse.
    """

    segment: int
    head: int
    round: int
    start: int
    total: int
    sparse: bool


@message(49, request=REQUEST, segment=Integer(), head=Integer(), round=Integer(), mapped=Flag())
class PullRows(NamedTuple):
    """Asks for rows of the key whose first block is `head`. Payload: their numbers, int64. Answer: PulledRows.

    mapped: the worker can read the segment itself.
    """

    request: int
    segment: int
    head: int
    round: int
    mapped: bool


@message(90, request=REQUEST, round=Integer(), mapped=Flag())
class PulledRows(NamedTuple):
    """The rows that were asked for. Payload, unless mapped: their values, in the order of the request."""

    request: int
    round: int
    mapped: bool
