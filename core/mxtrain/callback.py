"""Callbacks for `fit`: what is logged, shown and saved while training goes on.

A batch-end callback gets one argument with epoch, nbatch, eval_metric and locals (`mx.model.BatchEndParam`); an
epoch-end callback gets (epoch, symbol, arg_params, aux_params). Source: mxnet.callback of MXNet 1.9.1.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

import mxtrain
from mxtrain import log


def module_checkpoint(
    mod: Any, prefix: str, period: int = 1, save_optimizer_states: bool = False
) -> Callable[..., None]:
    """An epoch-end callback that saves a module every `period` epochs, as prefix-symbol.json and prefix-0001.params.

    save_optimizer_states: also what the optimizer needs to go on, as prefix-0001.states.
    """
    period = int(max(1, period))

    def save(iter_no: int, sym: Any = None, arg: Any = None, aux: Any = None) -> None:
        if (iter_no + 1) % period == 0:
            mod.save_checkpoint(prefix, iter_no + 1, save_optimizer_states)

    return save


def do_checkpoint(prefix: str, period: int = 1) -> Callable[..., None]:
    """An epoch-end callback that saves symbol and parameters every `period` epochs."""
    period = int(max(1, period))

    def save(iter_no: int, sym: Any, arg: Any, aux: Any) -> None:
        if (iter_no + 1) % period == 0:
            # by the face, which loads the worker's package on first use: that package imports this module
            mxtrain.model.save_checkpoint(prefix, iter_no + 1, sym, arg, aux)

    return save


def log_train_metric(period: int, auto_reset: bool = False) -> Callable[[Any], None]:
    """A batch-end callback that logs the metric every `period` batches. auto_reset: starts it anew after that."""

    def report(param: Any) -> None:
        if param.nbatch % period or param.eval_metric is None:
            return
        for name, value in param.eval_metric.get_name_value():
            log.info("Iter[%d] Batch[%d] Train-%s=%f", param.epoch, param.nbatch, name, value)
        if auto_reset:
            param.eval_metric.reset_local()

    return report


class Speedometer:
    """A batch-end callback that logs speed and metric every `frequent` batches.

    batch_size: examples per batch. auto_reset: the metric is of the last `frequent` batches, not of the whole epoch.
    """

    def __init__(self, batch_size: int, frequent: int = 50, auto_reset: bool = True) -> None:
        self.batch_size = batch_size
        self.frequent = frequent
        self.init = False
        self.tic = 0.0
        self.last_count = 0
        self.auto_reset = auto_reset

    def __call__(self, param: Any) -> None:
        """Counts a batch; the first one of an epoch starts the clock."""
        count = param.nbatch
        if self.last_count > count:
            self.init = False
        self.last_count = count
        if not self.init:
            self.init = True
            self.tic = time.perf_counter()
        elif count % self.frequent == 0:
            self._report(param, count)
            self.tic = time.perf_counter()

    def _report(self, param: Any, count: int) -> None:
        elapsed = time.perf_counter() - self.tic
        speed = self.frequent * self.batch_size / elapsed if elapsed else float("inf")
        if param.eval_metric is None:
            log.info("Iter[%d] Batch [%d]\tSpeed: %.2f samples/sec", param.epoch, count, speed)
            return
        pairs = param.eval_metric.get_name_value()
        first = 0
        if self.auto_reset:
            param.eval_metric.reset_local()
            first = count - self.frequent
        metrics = "".join(f"\t{name}={value:f}" for name, value in pairs)
        log.info("Epoch[%d] Batch [%d-%d]\tSpeed: %.2f samples/sec%s", param.epoch, first, count, speed, metrics)


class ProgressBar:
    """A batch-end callback that shows how far an epoch of `total` batches has come: a bar of `length` characters.

    On a terminal the bar moves; elsewhere each batch is a log line.
    """

    def __init__(self, total: int, length: int = 80) -> None:
        self.bar_len = length
        self.total = total
        self._bar: Any = None

    def __call__(self, param: Any) -> None:
        """Shows param.nbatch of the total."""
        if sys.stderr.isatty():
            self._move(param.nbatch)
            return
        filled = round(self.bar_len * param.nbatch / self.total)
        bar = "=" * filled + "-" * (self.bar_len - filled)
        log.info("[%s] %s%%", bar, math.ceil(100 * param.nbatch / self.total))

    def _move(self, count: int) -> None:
        """Moves the bar on the terminal; a count that falls back starts a new one."""
        if self._bar is None or count < self._bar.n:
            self._bar = tqdm(total=self.total, ncols=self.bar_len, unit="batch")
        self._bar.update(count - self._bar.n)
        if count >= self.total:
            self._bar.close()


class LogValidationMetricsCallback:
    """An evaluation callback that logs the metric of the validation data."""

    def __call__(self, param: Any) -> None:
        """Logs each name and value of the metric."""
        for name, value in param.eval_metric.get_name_value() if param.eval_metric else ():
            log.info("Epoch[%d] Validation-%s=%f", param.epoch, name, value)
