"""Callbacks: the log lines are MXNet 1.9.1's."""

import logging
import re
from types import SimpleNamespace

import numpy as np
import pytest

import mxtrain as mx


def _param(epoch, nbatch, metric=None):
    return SimpleNamespace(epoch=epoch, nbatch=nbatch, eval_metric=metric, locals=None)


def _metric():
    metric = mx.metric.create(["acc", "mse"])
    metric.update([mx.nd.array([0, 1])], [mx.nd.array([0, 0])])
    return metric


def _lines(caplog):
    return [re.sub(r"[\d.]+ samples", "N samples", record.getMessage()) for record in caplog.records]


@pytest.fixture(autouse=True)
def _log_everything(caplog):
    with caplog.at_level(logging.INFO):
        yield


def test_speedometer_reports_the_last_batches(caplog):
    metric, speedometer = _metric(), mx.callback.Speedometer(10, 2)
    for epoch, nbatch in ((0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 2)):
        speedometer(_param(epoch, nbatch, metric))
    assert _lines(caplog) == [
        "Epoch[0] Batch [0-2]\tSpeed: N samples/sec\taccuracy=0.500000\tmse=0.500000",
        "Epoch[0] Batch [2-4]\tSpeed: N samples/sec\taccuracy=nan\tmse=nan",
        "Epoch[1] Batch [0-2]\tSpeed: N samples/sec\taccuracy=nan\tmse=nan",
    ]


def test_speedometer_of_the_whole_epoch_and_without_metric(caplog):
    metric = _metric()
    for speedometer, given in (
        (mx.callback.Speedometer(10, 2, auto_reset=False), metric),
        (mx.callback.Speedometer(10, 2), None),
    ):
        for nbatch in range(5):
            speedometer(_param(0, nbatch, given))
    assert _lines(caplog) == [
        "Epoch[0] Batch [0-2]\tSpeed: N samples/sec\taccuracy=0.500000\tmse=0.500000",
        "Epoch[0] Batch [0-4]\tSpeed: N samples/sec\taccuracy=0.500000\tmse=0.500000",
        "Iter[0] Batch [2]\tSpeed: N samples/sec",
        "Iter[0] Batch [4]\tSpeed: N samples/sec",
    ]


def test_speed_is_examples_per_second(caplog, monkeypatch):
    clock = iter([10.0, 12.0, 12.0])
    monkeypatch.setattr("mxtrain.callback.time.perf_counter", lambda: next(clock))
    speedometer = mx.callback.Speedometer(10, 2)
    for nbatch in range(3):
        speedometer(_param(0, nbatch))
    assert "Speed: 10.00 samples/sec" in caplog.text


def test_progress_bar_as_log_lines(caplog):
    bar = mx.callback.ProgressBar(4, 20)
    for nbatch in range(5):
        bar(_param(0, nbatch))
    assert _lines(caplog) == [
        "[--------------------] 0%",
        "[=====---------------] 25%",
        "[==========----------] 50%",
        "[===============-----] 75%",
        "[====================] 100%",
    ]


def test_progress_bar_on_a_terminal(caplog, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    bar = mx.callback.ProgressBar(4, 60)
    for nbatch in (1, 2, 4, 1):
        bar(_param(0, nbatch))
    bar._bar.close()
    assert "4/4" in capsys.readouterr().err
    assert not caplog.records


def test_log_train_metric(caplog):
    metric = _metric()
    callback = mx.callback.log_train_metric(2, auto_reset=True)
    for nbatch in range(3):
        callback(_param(3, nbatch, metric))
    callback(_param(3, 4))
    assert _lines(caplog) == [
        "Iter[3] Batch[0] Train-accuracy=0.500000",
        "Iter[3] Batch[0] Train-mse=0.500000",
        "Iter[3] Batch[2] Train-accuracy=nan",
        "Iter[3] Batch[2] Train-mse=nan",
    ]


def test_validation_metrics(caplog):
    callback = mx.callback.LogValidationMetricsCallback()
    callback(_param(3, 0, _metric()))
    callback(_param(3, 0))
    assert _lines(caplog) == ["Epoch[3] Validation-accuracy=0.500000", "Epoch[3] Validation-mse=0.500000"]


def test_checkpoints_every_so_many_epochs(tmp_path):
    symbol = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=2, name="fc")
    callback = mx.callback.do_checkpoint(str(tmp_path / "ck"), 2)
    for epoch in range(4):
        callback(epoch, symbol, {"fc_weight": mx.nd.full((2, 2), epoch)}, {})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["ck-0002.params", "ck-0004.params", "ck-symbol.json"]
    _, args, _ = mx.model.load_checkpoint(str(tmp_path / "ck"), 4)
    assert (args["fc_weight"].asnumpy() == 3).all()


@pytest.mark.parametrize(("period", "saved"), [(2, [2, 4]), (0, [1, 2, 3, 4])])
def test_module_checkpoints(period, saved):
    calls = []
    module = SimpleNamespace(save_checkpoint=lambda *args: calls.append(args))
    callback = mx.callback.module_checkpoint(module, "prefix", period, save_optimizer_states=True)
    for epoch in range(4):
        callback(epoch)
    assert calls == [("prefix", epoch, True) for epoch in saved]


class _Executor:
    """What a monitor needs of an executor."""

    arg_dict = {"fc_weight": mx.nd.array([[3.0, 4.0]])}
    aux_dict = {"mean": mx.nd.array([2.0])}

    def set_monitor_callback(self, callback, monitor_all):
        self.callback, self.monitor_all = callback, monitor_all


def test_monitor_collects_every_interval(caplog):
    executor, monitor = _Executor(), mx.mon.Monitor(2, sort=True)
    monitor.install(executor)
    seen = []
    for _ in range(3):
        monitor.tic()
        executor.callback("fc_output", mx.nd.array([1.0, 7.0]))
        seen.append([(step, name, pytest.approx(float(text), rel=1e-6)) for step, name, text in monitor.toc()])
    expected = [("fc_output", 5.0), ("fc_weight", np.sqrt(12.5)), ("mean", 2.0)]
    assert seen == [[(1, *pair) for pair in expected], [], [(3, *pair) for pair in expected]]
    monitor.tic()
    monitor.tic()
    monitor.toc_print()
    assert "fc_weight" in caplog.text


def test_monitor_by_pattern_and_own_statistic():
    executor = _Executor()
    monitor = mx.mon.Monitor(1, stat_func=lambda array: [array.max(), array], pattern=".*weight", monitor_all=True)
    monitor.install(executor)
    assert executor.monitor_all
    monitor.tic()
    executor.callback("fc_output", mx.nd.array([1.0]))
    assert monitor.toc() == [(1, "fc_weight", "4.0\t[[3. 4.]]\t")]
