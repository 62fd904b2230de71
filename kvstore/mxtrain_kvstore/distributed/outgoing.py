"""`Outgoing`: what waits for its turn to be sent to one server; what has the higher priority goes first."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mxtrain_kvstore.distributed.parameter import Block

#: Bytes of pushes that are on their way to a server at a time, before other slices have to wait. What is on its way
#: cannot be overtaken any more; with less, servers would run out of work before more comes.
WINDOW_BYTES = 6 << 20
#: So many bytes that a server reads from shared memory count as one that is sent: they take it as long.
MAPPED_SHARE = 4


class Slice:
    """Blocks whose pushes are sent together, and the pulls that are sent after them. mapped: of shared segments."""

    __slots__ = ("mapped", "pulls", "pushes")

    def __init__(self, mapped: bool, pushes: list[Block], pulls: list[Block]) -> None:
        self.mapped = mapped
        self.pushes = pushes
        self.pulls = pulls


class Outgoing:
    """Slices in the order of their priorities, equal ones in the order in which they came, and a window.

    The window is open as long as less than WINDOW_BYTES have been sent that the server has not said to have taken.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Slice]] = []
        self._added = 0
        self._flying: deque[tuple[int, int]] = deque()
        self._bytes_flying = 0
        self._bytes_unasked = 0
        self._asking = False

    @property
    def is_open(self) -> bool:
        """Whether something may be sent at once, overtaking nothing."""
        return not self._waiting and self._bytes_flying < WINDOW_BYTES

    def add(self, waiting: Slice, priority: float) -> None:
        """Let a slice wait for its turn."""
        for block in waiting.pushes:
            block.waiting = waiting
        heapq.heappush(self._waiting, (-priority, self._added, waiting))
        self._added += 1

    def next(self, everything: bool = False) -> Slice | None:
        """Take the slice whose turn it is; None where none waits, or the window is closed. everything: it is open."""
        if not self._waiting or not (everything or self._bytes_flying < WINDOW_BYTES):
            return None
        taken = heapq.heappop(self._waiting)[2]
        for block in taken.pushes:
            block.waiting = None
        return taken

    def sent(self, number: int, nbytes: int) -> None:
        """So many bytes are on their way, in the command of this number."""
        self._flying.append((number, nbytes))
        self._bytes_flying += nbytes
        self._bytes_unasked += nbytes

    def should_ask(self) -> bool:
        """Whether the server should be asked to answer, now that it has much to take and something still waits."""
        if not self._waiting or self._asking or self._bytes_unasked < WINDOW_BYTES // 2:
            return False
        self._asking, self._bytes_unasked = True, 0
        return True

    def answered(self) -> None:
        """The server has answered."""
        self._asking = False

    def heard(self, taken: int) -> None:
        """The server has taken the commands up to a number."""
        flying = self._flying
        while flying and flying[0][0] <= taken:
            self._bytes_flying -= flying.popleft()[1]

    def pulls(self) -> Iterator[Block]:
        """The blocks whose pulls wait for their turn."""
        for _, _, waiting in self._waiting:
            yield from waiting.pulls

    def __len__(self) -> int:
        return len(self._waiting)
