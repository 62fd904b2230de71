"""Values that are still on their way: an array whose buffer another thread fills, until somebody touches it.

`NDArray._data` of such an array is unset, so that ordinary arrays pay nothing for the possibility: only the missing
slot leads here (through `NDArray.__getattr__`).
"""

import threading
from collections.abc import Callable
from typing import Any

# single operations on a set are atomic, so that no lock is needed around them
outstanding: "set[Deferred | Arrival]" = set()


class Deferred:
    """One value on its way into the memory of one array and of all views of it.

    wait: blocks until the buffer is filled; has a deadline of its own and raises an MXNetError when it passes.
    """

    __slots__ = ("_mutex", "targets", "wait")

    def __init__(self, wait: Callable[[], None], targets: list[tuple[Any, Any]]) -> None:
        self.wait: Callable[[], None] | None = wait
        self.targets = targets
        self._mutex = threading.Lock()

    def settle(self) -> None:
        """Wait for the value; afterwards the arrays are ordinary again, also when the wait failed."""
        with self._mutex:
            if self.wait is None:
                return
            try:
                self.wait()
            finally:
                self.wait = None
                for array, buffer in self.targets:
                    array._data = buffer
                    array._pending = None
                outstanding.discard(self)


def defer(array: Any, wait: Callable[[], None]) -> None:
    """Mark an array and the live views of its memory as on their way."""
    family = (array,)
    if array._family is not None:
        family = tuple(member for ref in array._family if (member := ref()) is not None)
    for member in family:
        if member._pending is not None:
            member._pending.settle()
    deferred = Deferred(wait, [(member, member._data) for member in family])
    outstanding.add(deferred)
    for member in family:
        member._pending = deferred
        del member._data


class Arrival:
    """A value that comes into the memory of one array again and again, without anything being made each time.

    Whoever brings it calls `expect` before and `arrived` after; a touch in between calls `wait`, as of a `Deferred`.
    array, buffer: what is on its way, and the memory that it is to be written to; None while nothing is.
    """

    __slots__ = ("array", "buffer", "wait")

    def __init__(self, wait: Callable[[], None]) -> None:
        self.wait = wait
        self.array: Any = None
        self.buffer: Any = None

    def expect(self, array: Any) -> None:
        """Mark an array, which has no views and waits for nothing else, as on its way."""
        self.buffer = array._data
        self.array = array
        outstanding.add(self)
        array._pending = self
        del array._data

    def arrived(self) -> None:
        """The buffer is filled, or will not be: the array is an ordinary one again."""
        array, buffer = self.array, self.buffer
        if array is not None:
            array._data = buffer
            array._pending = self.array = self.buffer = None
            outstanding.discard(self)

    def settle(self) -> None:
        """Wait for the value; afterwards the array is ordinary again, also when the wait failed."""
        array = self.array
        if array is None:
            return
        try:
            self.wait()
        finally:
            if self.array is array:
                self.arrived()

    @property
    def targets(self) -> list[tuple[Any, Any]]:
        """The array with its buffer, while it is on its way."""
        return [(self.array, self.buffer)]


def settle_all() -> None:
    """Wait for every value that is on its way. Raises the first error, after all have been waited for."""
    failure: BaseException | None = None
    while outstanding:
        for deferred in list(outstanding):
            try:
                deferred.settle()
            except Exception as error:  # noqa: BLE001 - the others must be waited for as well; raised below
                failure = failure or error
    if failure is not None:
        raise failure
