"""Which workers are late: the others wait for them, or go on without them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import NamedTuple

#: A worker is late where the others wait at least this share of their time, and it waits less than half as much.
MUCH_WAITING = 0.3
#: A worker that has not been heard of for so many intervals between heartbeats is late where the others wait.
SILENT_INTERVALS = 1.5
#: A worker is late that did not come in time for this share of its rounds, and for so many at least.
MUCH_PASSED, MANY_PASSED = 0.5, 3
#: Seconds that a worker is late before it is told of, and that pass until it is told of again.
PATIENCE, PAUSE = 2.0, 30.0


class Progress(NamedTuple):
    """One worker. waiting: the share of its time in which it waits; lately: in the last seconds; silence: in seconds.

    rounds, passed: by how many its round went up lately, and how many of these it did not push in time.
    """

    waiting: float
    lately: float
    silence: float
    rounds: int
    passed: int


def stragglers(workers: Mapping[str, Progress], interval: float) -> dict[str, str]:
    """The late workers, with the reason in words. interval: seconds between heartbeats."""
    found = {}
    for node, worker in workers.items():
        others = [other for name, other in workers.items() if name != node]
        if not others:
            continue
        if worker.passed >= max(MANY_PASSED, MUCH_PASSED * worker.rounds):
            found[node] = f"rounds go on without it ({worker.passed} of {worker.rounds})"
        elif statistics.median(o.waiting for o in others) >= max(MUCH_WAITING, 2 * worker.waiting):
            found[node] = "the others wait for it"
        elif worker.silence > SILENT_INTERVALS * interval and _all_wait(others, interval):
            found[node] = f"the others wait, and it has not been heard of for {worker.silence:.0f} s"
    return found


def _all_wait(others: list[Progress], interval: float) -> bool:
    heard = [other for other in others if other.silence <= SILENT_INTERVALS * interval]
    return bool(heard) and statistics.median(other.lately for other in heard) >= MUCH_WAITING


class Announcements:
    """Says once who is late."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._told: dict[str, float] = {}

    def news(self, late: Mapping[str, str], now: float) -> list[str]:
        """The workers of whom people should hear now."""
        self._since = {node: self._since.get(node, now) for node in late}
        news = [
            node
            for node, since in self._since.items()
            if now - since >= (0.0 if "heard" in late[node] else PATIENCE)
            and now - self._told.get(node, -PAUSE) >= PAUSE
        ]
        self._told = {node: time for node, time in self._told.items() if now - time < PAUSE}
        self._told.update(dict.fromkeys(news, now))
        return news
