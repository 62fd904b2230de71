"""Threads that share the work on large arrays: NumPy lets go of the interpreter's lock while it computes.

They are started by the first work that is worth it, end by themselves when there is none for a while, and are not
inherited by forked processes. How work is cut never depends on their number, so that results do not either.
MXNET_OMP_MAX_THREADS, else OMP_NUM_THREADS, else the processors that this process may use tell how many there are.
"""

import os
import queue
import threading
from collections.abc import Callable

import numpy as np

from mxtrain.base import MXNetError

_IDLE_SECONDS = 1.0  # without work, a thread ends
_DEADLINE_SECONDS = 600.0  # for one part of the work
_SETTINGS = ("MXNET_OMP_MAX_THREADS", "OMP_NUM_THREADS")

Work = Callable[[int], object]


class _Job:
    """Calls of `work` with the numbers below `count`, which any thread may take over; the first error is kept."""

    def __init__(self, count: int, work: Work) -> None:
        self.error: BaseException | None = None
        self._numbers = iter(range(count))
        self._work = work
        self._open = count
        self._lock = threading.Lock()
        self._done = threading.Event()

    def help(self) -> None:
        """Take calls until none is left."""
        for number in self._numbers:
            try:
                if self.error is None:
                    self._work(number)
            except BaseException as error:  # noqa: BLE001  KeyboardInterrupt, too: first the others stop
                self.error = error
            finally:
                self._finish_one()

    def _finish_one(self) -> None:
        with self._lock:
            self._open -= 1
            finished = self._open == 0
        if finished:
            self._done.set()

    def wait(self) -> None:
        """Wait for the calls that others have taken. Raises the first error of all calls."""
        if self._open and not self._done.wait(_DEADLINE_SECONDS):
            raise MXNetError(
                f"Expected: the threads that share work to finish it within {_DEADLINE_SECONDS:.0f} s. "
                f"Received: {self._open} parts open."
            )
        if self.error is not None:
            raise self.error


class _Team:
    """The threads of this process."""

    def __init__(self) -> None:
        self.size = 0  # 0: not known yet
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running = 0

    def share(self, job: _Job, helpers: int) -> None:
        """Offer a job to some threads, started where there are too few."""
        with self._lock:
            for _ in range(helpers):
                self._jobs.put(job)
            while self._running < helpers:
                self._running += 1
                threading.Thread(target=self._run, name="mxtrain-compute", daemon=True).start()

    @np.errstate(all="ignore")  # a thread starts with NumPy's defaults; infinities and NaN are results like others
    def _run(self) -> None:
        while True:
            try:
                self._jobs.get(timeout=_IDLE_SECONDS).help()
            except queue.Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._running -= 1
                        return


_team = _Team()


def _forget() -> None:
    """In a forked child, which has none of its parent's threads."""
    global _team
    size, _team = _team.size, _Team()
    _team.size = size


os.register_at_fork(after_in_child=_forget)


def num_threads() -> int:
    """How many threads work on a large array, the caller among them."""
    if not _team.size:
        _team.size = _configured()
    return _team.size


def set_num_threads(number: int) -> int:
    """Set how many threads work on a large array; returns how many there were. Raises MXNetError below 1."""
    if number < 1:
        raise MXNetError(f"Expected: at least one thread. Received: {number}.")
    previous, _team.size = num_threads(), number
    return previous


def _configured() -> int:
    for name in _SETTINGS:
        text = os.environ.get(name, "").split(",")[0].strip()  # OMP_NUM_THREADS may list one number per nesting level
        if text.isdigit() and int(text):
            return int(text)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def for_each(count: int, work: Work) -> None:
    """Call work(0) ... work(count - 1), on several threads at once, and return when all have returned.

    The calls must not depend on each other. Raises the first error, after the calls under way have ended.
    """
    helpers = min(num_threads(), count) - 1
    if helpers < 1:
        for number in range(count):
            work(number)
        return
    job = _Job(count, work)
    _team.share(job, helpers)
    job.help()
    job.wait()
