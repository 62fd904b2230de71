"""`Monitor`: watches the values inside of an executor while it trains."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from mxtrain import log
from mxtrain.ndarray import NDArray
from mxtrain.ndarray import array as make_array


class Monitor:
    """Collects a statistic of outputs, weights and gradients every `interval` batches.

    stat_func: from an NDArray to an NDArray or several (by default the root mean square). pattern: a regular
    expression for names that count. sort: by name. monitor_all: inputs of operators too, not only outputs.
    Source: mxnet.monitor.Monitor of MXNet 1.9.1.
    """

    def __init__(
        self,
        interval: int,
        stat_func: Callable[[NDArray], Any] | None = None,
        pattern: str = ".*",
        sort: bool = False,
        monitor_all: bool = False,
    ) -> None:
        self.stat_func = stat_func or _root_mean_square
        self.interval = interval
        self.activated = False
        self.queue: list[tuple[int, str, Any]] = []
        self.step = 0
        self.exes: list[Any] = []
        self.re_pattern = re.compile(pattern)
        self.sort = sort
        self.monitor_all = monitor_all

    def stat_helper(self, name: str, array: NDArray) -> None:
        """What the executor calls with each value that it has computed."""
        if self.activated and self.re_pattern.match(name):
            self.queue.append((self.step, name, self.stat_func(array)))

    def install(self, exe: Any) -> None:
        """Watches an executor; several may be watched."""
        exe.set_monitor_callback(self.stat_helper, self.monitor_all)
        self.exes.append(exe)

    def tic(self) -> None:
        """Call before a batch: starts collecting if it is this batch's turn."""
        if self.step % self.interval == 0:
            self._wait()
            self.queue = []
            self.activated = True
        self.step += 1

    def toc(self) -> list[tuple[int, str, str]]:
        """Call after a batch: (batch number, name, statistics as text) of all that was collected."""
        if not self.activated:
            return []
        self._wait()
        for exe in self.exes:
            for name, array in {**exe.arg_dict, **exe.aux_dict}.items():
                self.stat_helper(name, array)
        self.activated = False
        found = sorted(self.queue, key=lambda entry: entry[1]) if self.sort else self.queue
        self.queue = []
        return [(step, name, _as_text(values)) for step, name, values in found]

    def toc_print(self) -> None:
        """As `toc`, and logs the result."""
        for step, name, text in self.toc():
            log.info("Batch: %7d %30s %s", step, name, text)

    def _wait(self) -> None:
        for exe in self.exes:
            for array in (*exe.arg_dict.values(), *exe.aux_dict.values()):
                array.wait_to_read()


def _root_mean_square(array: NDArray) -> NDArray:
    """The root of the mean of the squares, as an array of shape (1,)."""
    values = array.asnumpy().astype(np.float64)
    return make_array([math.sqrt(float((values * values).sum()) / max(values.size, 1))], ctx=array.context)


def _as_text(values: Any) -> str:
    """Each value followed by a tab: a number where it is one, else the array."""
    parts = values if isinstance(values, (list, tuple)) else [values]
    return "".join(f"{part.asscalar() if part.size == 1 else part.asnumpy()}\t" for part in parts)
