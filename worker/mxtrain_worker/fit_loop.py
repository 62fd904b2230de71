"""The training loop: epochs of batches, metrics, callbacks, validation."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from mxtrain.base import MXNetError
from mxtrain_worker.batch_end import BatchEndParam, as_list
from mxtrain_worker.fit_stop import FitStop
from mxtrain_worker.leased_data import LeasedData
from mxtrain_worker.passed_rounds import PassedRounds
from mxtrain_worker.recovery import Recovery, join_job
from mxtrain_worker.sample_counts import count_samples
from mxtrain_worker.stop_checkpoint import StopCheckpoint, find_checkpoint
from mxtrain_worker.traced import trace_training
from mxtrain_worker.training_state import Content, Place, TrainingState


class FitLoop:
    """Trains a bound module that has parameters and an optimizer. One object per call of `fit`.

    options: the arguments of `BaseModule.fit` by name; callbacks see them in `BatchEndParam.locals`. An epoch-end
    callback that has a method `at_boundary(num_epochs, num_steps)` is called once more, when the data is ready for the
    next epoch; a TrainingCheckpoint among them is where the training goes on, and what it is stopped with.
    """

    def __init__(self, module: Any, options: dict[str, Any]) -> None:
        self.module = module
        self.train_data = options["train_data"]
        self.eval_data = options["eval_data"]
        self.eval_metric = options["eval_metric"]
        self.validation_metric = options["validation_metric"]
        self.monitor = options["monitor"]
        self.sparse_row_id_fn = options["sparse_row_id_fn"]
        self.eval_end_callback = options["eval_end_callback"]
        self.eval_batch_end_callback = options["eval_batch_end_callback"]
        self._batch_callbacks = as_list(options["batch_end_callback"])
        self._epoch_callbacks = as_list(options["epoch_end_callback"])
        self._names: dict[str, Any] = {"self": module, **options}
        self._state = TrainingState(module, self.train_data)
        self._leased: LeasedData | None = None
        self._recovery: Recovery | None = None
        self._stop: FitStop | None = None
        self._place: Place | None = None
        self._begun: Content | None = None
        self._passed_rounds = PassedRounds(module)

    def run(self, begin_epoch: int, num_epoch: int) -> None:
        """Train the epochs from begin_epoch up to, not including, num_epoch.

        A process that has taken the place of a dead worker goes on where that one was; else a checkpoint says where.
        Raises TrainingStopped where the training was told to end, and has written a checkpoint.
        """
        trace_training(self.module)
        join_job(self.module)
        self._leased = LeasedData.of(self.module, self.train_data, self._state)
        checkpoint = find_checkpoint(self._epoch_callbacks)
        self._recovery = Recovery.of(self.module, self._state)
        if self._leased is not None:
            begin_epoch = self._leased.first_epoch(begin_epoch)
            self._leased.save_with(self._recovery, lambda: self._begun is not None)
        self._stop = self._make_stop(checkpoint)
        if self._stop is None:
            self._run(begin_epoch, num_epoch, checkpoint)
            return
        with self._stop:
            self._run(begin_epoch, num_epoch, checkpoint)

    def _make_stop(self, checkpoint: StopCheckpoint | None) -> FitStop | None:
        """None for a training that nobody can stop in order: it has no checkpoint, and no job around it."""
        if checkpoint is None and not hasattr(getattr(self.module, "_kvstore", None), "stop_agreement"):
            return None
        stop = FitStop(self.module, self._state, checkpoint, self._leased)
        if self._leased is not None:
            self._leased.stop_with(stop.before_step)
        return stop

    def _run(self, begin_epoch: int, num_epoch: int, checkpoint: StopCheckpoint | None) -> None:
        self._take_up(checkpoint)
        for epoch in range(self._place.epoch if self._place else begin_epoch, num_epoch):
            self._run_epoch(epoch)
            self.train_data.reset()
            for callback in self._epoch_callbacks:
                if hasattr(callback, "at_boundary"):
                    callback.at_boundary(epoch + 1, self._stop.num_steps if self._stop else 0)

    def _take_up(self, checkpoint: StopCheckpoint | None) -> None:
        """Go where a dead worker was, or where a checkpoint was written: to the beginning of that epoch first."""
        taken_up = None if self._recovery is None else self._recovery.take_up()
        replaces = taken_up is not None
        if taken_up is None and checkpoint is not None:
            taken_up = checkpoint.take_up(self.module)
        if taken_up is None:
            return
        self._place, start, step = taken_up
        start = self._state.at_epoch(self._place.epoch) if start is None else start
        self._begun = None if step is None else {**self._state.now(), **step}
        if self._recovery is not None and not replaces and self._begun is not None:
            self._recovery.go_on(start, self._begun)
        if self._stop is not None:
            self._stop.begin_epoch(start)
        self._state.restore_epoch(start)

    def _run_epoch(self, epoch: int) -> None:
        module, log = self.module, self.module.logger
        tic = time.time()
        if self._place is None and (self._recovery is not None or self._stop is not None):
            self._begin_epoch(self._state.at_epoch(epoch))
        self._names.update(epoch=epoch, tic=tic)
        for name, value in self._train(epoch):
            log.info("Epoch[%d] Train-%s=%f", epoch, name, value)
        log.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - tic)
        # Devices may hold different auxiliary states: from here on all have their mean.
        arg_params, aux_params = module.get_params()
        module.set_params(arg_params, aux_params)
        for callback in self._epoch_callbacks:
            callback(epoch, module.symbol, arg_params, aux_params)
        if self.eval_data is not None:
            self._validate(epoch)

    def _begin_epoch(self, start: Content) -> None:
        if self._recovery is not None:
            self._recovery.begin_epoch(start)
        if self._stop is not None:
            self._stop.begin_epoch(start)

    def _train(self, epoch: int) -> list[tuple[str, float]]:
        """One pass over the training data; the metrics over all of it."""
        metric = self.eval_metric
        metric.reset()
        totals: list[tuple[str, float]] = []
        first, self._place = self._place.batch if self._place else 0, None
        for nbatch, (data_batch, is_last) in enumerate(self._batches(epoch, first), first):
            if is_last:  # callbacks may reset the metric
                totals = metric.get_global_name_value()
            self._names.update(nbatch=nbatch, data_batch=data_batch)
            for callback in self._batch_callbacks:
                callback(BatchEndParam(epoch, nbatch, metric, self._names))
        return totals

    def _batches(self, epoch: int, first: int) -> Iterator[tuple[Any, bool]]:
        """Train batch after batch, from number `first` on; gives each with whether it was the last.

        The next batch is fetched when the step is done, but before the callbacks run, so that an iterator that reuses
        its memory is never asked for more while a batch is still needed.
        """
        source = iter(self.train_data)
        for _ in range(first):
            next(source, None)
        upcoming = self._fetch(source, Place(epoch, first))
        if self._begun is not None:
            self._state.restore(self._begun)
            self._begun = None
        number = first
        if upcoming is None and not getattr(self.train_data, "may_be_empty", False):
            raise MXNetError("Expected: training data with at least one batch. Received: none. Does it need a reset?")
        while upcoming is not None:
            current = upcoming
            self._step(current, Place(epoch, number))
            number += 1
            if self._leased is None:  # of leased data the others get more by themselves
                number += self._passed_rounds.skip(source)
            upcoming = self._fetch(source, Place(epoch, number))
            if upcoming is not None:
                self.module.prepare(upcoming, sparse_row_id_fn=self.sparse_row_id_fn)
            if self.monitor is not None:
                self.monitor.toc_print()
            yield current, upcoming is None

    def _fetch(self, source: Iterator[Any], place: Place) -> Any:
        """The batch of a place, or None after the last."""
        if self._leased is not None:
            self._leased.place = place
        return next(source, None)

    def _step(self, data_batch: Any, place: Place) -> None:
        module, recovery, stop = self.module, self._recovery, self._stop
        content = None
        if stop is not None:
            stop.before_step(place)
        if recovery is not None or (stop is not None and stop.needs_states):
            content = self._state.at_step(*place)
        if recovery is not None and content is not None:
            recovery.begin_step(content)
        if self.monitor is not None:
            self.monitor.tic()
        module.forward_backward(data_batch)
        if recovery is not None:
            recovery.before_push()
        if stop is not None:
            stop.before_push(content)
        module.update()
        if stop is not None:
            stop.after_step()
        count_samples(module, data_batch)
        if isinstance(data_batch, list):
            module.update_metric(self.eval_metric, [part.label for part in data_batch], pre_sliced=True)
        else:
            module.update_metric(self.eval_metric, data_batch.label)

    def _validate(self, epoch: int) -> None:
        scores = self.module.score(
            self.eval_data,
            self.validation_metric,
            score_end_callback=self.eval_end_callback,
            batch_end_callback=self.eval_batch_end_callback,
            epoch=epoch,
        )
        self._report_validation(epoch, scores)

    def _report_validation(self, epoch: int, scores: Sequence[tuple[str, float]]) -> None:
        for name, value in scores:
            self.module.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, value)
