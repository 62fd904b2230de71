"""Spans of this process in Chrome's trace format, one file a process; `mxtrain trace` merges them.

Nothing of it touches a program that does not trace: the methods that are traced are wrapped when tracing begins.
"""

from __future__ import annotations

import atexit
import functools
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from mxtrain.base import MXNetError

_log = logging.getLogger("mxtrain")

#: The command to servers that carries the profiler's wishes. Source: kSetProfilerParams of MXNet 1.9.1.
PROFILER = 5
#: Spans that are kept before they are written, and the most that one file takes.
_BATCH = 2000
MAX_SPANS = 2_000_000
#: Seconds after which spans are written, too, with the next one that comes.
_PATIENCE = 2.0


class Traced(NamedTuple):
    """A method that makes a span of every call. span: its name, or what makes that of the call's arguments."""

    owner: type[Any]
    method: str
    span: str | Callable[..., str]


class Tracer:
    """Writes the spans of this process to `path`. Lines are whole at any time: a process that is killed leaves a trace.

    active: whether spans are taken just now. dropped: spans beyond the most that one file takes. failed: the file
    could not be written, and its trace has ended.
    """

    def __init__(self, path: Path, role: str, rank: int) -> None:
        self.path = path
        self.active = False
        self.dropped = 0
        self.failed = False
        self._count = 0
        self._lock = threading.Lock()
        self._spans: list[tuple[str, int, int, int]] = []
        self._written_at = time.monotonic()
        # the wall clock may jump in mid-training; spans are told by the one that never does
        self._origin = time.time_ns() - time.monotonic_ns()
        name = f"{role} {rank}" if role != "scheduler" else role
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # without a buffer nothing is left to be written when a full disk has ended the trace
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise MXNetError(f"Expected: a folder for traces. Received: {path.parent}: {error}.") from error
        self._append("[\n")
        self._meta("process_name", {"name": f"{name} (host {socket.gethostname()}, pid {os.getpid()})"})
        self._meta("process_sort_index", {"sort_index": ("scheduler", "server", "worker").index(role) * 1000 + rank})

    def set_clock(self, offset: float) -> None:
        """Say how many seconds the scheduler's clock is ahead of this one; the merged trace goes by the scheduler's."""
        self._meta("clock_offset", {"seconds": offset})

    def _meta(self, name: str, args: dict[str, Any]) -> None:
        self._append(json.dumps({"ph": "M", "pid": os.getpid(), "name": name, "args": args}) + ",\n")

    def _append(self, text: str) -> None:
        """Write to the file. A full disk ends the trace, and not what is traced."""
        try:
            self._file.write(text.encode())
        except OSError as error:
            self.failed = True
            _log.error("the trace %s ends here: it cannot be written (%s)", self.path, error.strerror or error)

    def add(self, name: str, begin: int, end: int) -> None:
        """A span, in nanoseconds of time.monotonic_ns."""
        with self._lock:
            if self._count >= MAX_SPANS:
                self.dropped += 1
                return
            self._count += 1
            self._spans.append((name, begin, end, threading.get_ident()))
            if len(self._spans) >= _BATCH or time.monotonic() - self._written_at > _PATIENCE:
                self._write()

    def _write(self) -> None:
        pid, origin = os.getpid(), self._origin
        lines = [
            f'{{"ph":"X","name":{json.dumps(name)},"pid":{pid},"tid":{thread},'
            f'"ts":{(begin + origin) / 1000:.3f},"dur":{(end - begin) / 1000:.3f}}},\n'
            for name, begin, end, thread in self._spans
        ]
        self._spans.clear()
        self._written_at = time.monotonic()
        if not self.failed:
            self._append("".join(lines))

    def flush(self) -> None:
        """Write what is kept."""
        with self._lock:
            if not self._file.closed and self._spans:
                self._write()

    def close(self) -> None:
        """Write what is kept, and take no more spans."""
        self.active = False
        self.flush()
        self._file.close()


_current: Tracer | None = None


def current() -> Tracer | None:
    """The tracer of this process; None where nothing was ever traced."""
    return _current


def begin(folder: str, role: str, rank: int, traced: Iterable[Traced], clock_offset: float = 0.0) -> Tracer:
    """Trace from now on, into a file of this process under `folder`. clock_offset: see Tracer.set_clock."""
    global _current
    if _current is None:
        _current = Tracer(Path(folder) / f"{role}-{rank}-{socket.gethostname()}-{os.getpid()}.trace", role, rank)
        _current.set_clock(clock_offset)
        atexit.register(_current.close)
    instrument(_current, traced)
    _current.active = True
    return _current


def instrument(tracer: Tracer, traced: Iterable[Traced]) -> None:
    """Let each call of the methods be a span; one that is so already stays as it is."""
    for owner, method, span in traced:
        original = owner.__dict__[method]
        if not hasattr(original, "__wrapped__"):
            setattr(owner, method, _spanned(tracer, original, span))


def _spanned(tracer: Tracer, call: Callable[..., Any], span: str | Callable[..., str]) -> Callable[..., Any]:
    @functools.wraps(call)
    def traced(*args: Any, **options: Any) -> Any:
        if not tracer.active:
            return call(*args, **options)
        start = time.monotonic_ns()
        try:
            return call(*args, **options)
        finally:
            tracer.add(span if isinstance(span, str) else span(*args), start, time.monotonic_ns())

    return traced
