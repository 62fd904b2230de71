"""`Outbox`: the numbers of a worker's commands to one shard, and those that may have to be sent again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mxtrain_kvstore.wire import messages as m


class Sent(NamedTuple):
    """A command as it was sent."""

    number: int
    message: Any
    payload: np.ndarray | None


class Outbox:
    """Commands in their order. keeping: they are kept until the shard cannot lose them any more."""

    def __init__(self, keeping: bool) -> None:
        self.keeping = keeping
        self.last = 0
        self._kept: deque[Sent] = deque()

    def stamp(self, message: Any, payload: np.ndarray | None) -> Sent:
        """Give a message its number; a command's payload is copied where it may be needed again."""
        if type(message) not in m.COMMANDS:
            return Sent(self.last, message, payload)
        self.last += 1
        if not self.keeping:
            return Sent(self.last, message, payload)
        sent = Sent(self.last, message, None if payload is None else np.array(payload))
        self._kept.append(sent)
        return sent

    def trim(self, taken: int) -> None:
        """Forget the commands up to a number."""
        kept = self._kept
        while kept and kept[0].number <= taken:
            kept.popleft()

    def after(self, applied: int) -> list[Sent]:
        """The commands after a number."""
        return [sent for sent in self._kept if sent.number > applied]

    def replace_mapped(self, payload: Callable[[list[m.Run]], np.ndarray]) -> list[int]:
        """Let pushes from mirrors carry their values, which `payload` gives; returns their numbers."""
        changed = []
        for index, sent in enumerate(self._kept):
            if type(sent.message) is m.Push and sent.message.mapped:
                values = np.array(payload(sent.message.runs))
                self._kept[index] = Sent(sent.number, m.Push(sent.message.runs, False), values)
                changed.append(sent.number)
        return changed

    def __len__(self) -> int:
        return len(self._kept)
