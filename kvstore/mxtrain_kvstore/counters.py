"""`NodeCounters`: what a process of a job counts of itself, for heartbeats and metrics."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from mxtrain_protos import scheduler_pb2 as pb


@dataclass
class NodeCounters:
    """Totals since the start of the process; scheduler.proto says what each means. waited: seconds.

    Counting takes no lock: a number that is read a moment too early is right at the next heartbeat.
    """

    rounds: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    samples: int = 0
    waited: float = 0.0
    dropped: int = 0
    keys: int = 0
    parameter_bytes: int = 0
    passed_over: int = 0
    _waits: int = 0
    _waiting_since: float = 0.0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block as waiting; waits of several threads at a time count once."""
        if not self._waits:
            self._waiting_since = time.monotonic()
        self._waits += 1
        try:
            yield
        finally:
            self._waits -= 1
            if not self._waits:
                self.waited += time.monotonic() - self._waiting_since

    def to_proto(self) -> pb.Counters:
        """As they are now; a wait that lasts is counted up to now."""
        under_way = time.monotonic() - self._waiting_since if self._waits else 0.0
        return pb.Counters(
            rounds=self.rounds,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            samples=self.samples,
            waited=self.waited + max(under_way, 0.0),
            dropped=self.dropped,
            keys=self.keys,
            parameter_bytes=self.parameter_bytes,
            passed_over=self.passed_over,
        )
