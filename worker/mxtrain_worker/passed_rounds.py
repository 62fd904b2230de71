"""`PassedRounds`: a worker that was passed over leaves out as many batches, so that all are at the same batch again."""

from collections.abc import Iterator
from typing import Any


class PassedRounds:
    """Follows what a module's store says of rounds that were complete before this worker pushed them."""

    def __init__(self, module: Any) -> None:
        self._store = getattr(module, "_kvstore", None)
        self._known = self._count()
        self._left = 0

    def _count(self) -> int:
        return int(getattr(self._store, "rounds_passed_over", 0))

    def skip(self, source: Iterator[Any]) -> int:
        """Leave out the batches of rounds that are over; returns how many. What an epoch lacks the next one leaves out.

        To be called after a step.
        """
        if hasattr(source, "leases"):
            return 0  # what this worker left out nobody else would do
        count = self._count()
        self._left += count - self._known
        self._known = count
        skipped = 0
        while self._left and next(source, None) is not None:
            self._left -= 1
            skipped += 1
        return skipped
