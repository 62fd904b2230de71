"""`mx.engine`: how many operator calls are queued as one. Calls run at once here, so the sizes are only remembered."""

import contextlib
import threading
from collections.abc import Iterator

from mxtrain.base import ArgumentTypeError

__all__ = ["bulk", "set_bulk_size"]


class _Bulk(threading.local):
    size = 0


_bulk = _Bulk()


def set_bulk_size(size: int) -> int:
    """Set how many calls may be queued as one in this thread; returns what it was. Accepted for MXNet's scripts."""
    if not hasattr(size, "__index__"):
        raise ArgumentTypeError(f"Expected: an integer as bulk size. Received: {size!r}.")
    previous, _bulk.size = _bulk.size, int(size)
    return previous


@contextlib.contextmanager
def bulk(size: int) -> Iterator[None]:
    """A `with` block in which that many calls may be queued as one."""
    previous = set_bulk_size(size)
    try:
        yield
    finally:
        set_bulk_size(previous)
