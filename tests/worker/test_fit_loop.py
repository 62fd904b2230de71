"""What `fit`, `score` and `predict` do with batches and tell callbacks; the sequences are MXNet 1.9.1's."""

import logging
from typing import Any

import module_cases
import numpy as np
import pytest

import mxtrain as mx


def iterator(num_samples: int = 22, **options: Any) -> mx.io.NDArrayIter:
    samples, labels = module_cases.data()
    return mx.io.NDArrayIter(samples[:num_samples], labels[:num_samples], batch_size=8, **options)


def fitted(**options: Any) -> mx.mod.Module:
    module = mx.mod.Module(module_cases.network(mx))
    module.fit(iterator(), num_epoch=2, **options)
    return module


def test_callbacks() -> None:
    seen: list[Any] = []

    def batch_end(param: mx.model.BatchEndParam) -> None:
        assert {"self", "train_data", "data_batch", "eval_metric", "epoch", "nbatch"} <= set(param.locals or {})
        seen.append(("batch", param.epoch, param.nbatch))

    def epoch_end(epoch: int, symbol: Any, args: dict[str, Any], aux: dict[str, Any]) -> None:
        assert symbol.list_outputs() == ["softmax_output"]
        seen.append(("epoch", epoch, sorted(args), sorted(aux)))

    fitted(
        eval_data=iterator(),
        batch_end_callback=[batch_end],
        epoch_end_callback=epoch_end,
        eval_batch_end_callback=lambda param: seen.append(("eval batch", param.epoch, param.nbatch)),
        eval_end_callback=lambda param: seen.append(("eval", param.epoch, param.nbatch)),
    )
    names = ["fc1_bias", "fc1_weight", "fc2_bias", "fc2_weight"]
    assert seen == [
        event
        for epoch in range(2)
        for event in [
            *(("batch", epoch, nbatch) for nbatch in range(3)),
            ("epoch", epoch, names, []),
            *(("eval batch", epoch, nbatch) for nbatch in range(3)),
            ("eval", epoch, 3),
        ]
    ]


def test_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        fitted(eval_data=iterator())
    lines = [line.split("=")[0] for line in caplog.messages]
    assert lines == [
        f"Epoch[{epoch}] {what}"
        for epoch in range(2)
        for what in ("Train-accuracy", "Time cost", "Validation-accuracy")
    ]


def test_metric_of_the_epoch_survives_a_callback_that_resets_it(caplog: pytest.LogCaptureFixture) -> None:
    found = []
    for callback in (mx.callback.Speedometer(8, frequent=1), None):
        mx.random.seed(0)
        with caplog.at_level(logging.INFO):
            fitted(batch_end_callback=callback)
        found.append([line for line in caplog.messages if "Train-" in line])
        caplog.clear()
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_epochs_must_be_given() -> None:
    with pytest.raises(ValueError, match="please specify number of epochs"):
        mx.mod.Module(module_cases.network(mx)).fit(iterator())


def test_data_without_batches() -> None:
    data = iterator()
    list(data)
    module = mx.mod.Module(module_cases.network(mx))
    with pytest.raises(mx.MXNetError, match="at least one batch"):
        module.fit(data, num_epoch=1)


def test_training_goes_on_from_a_later_epoch() -> None:
    epochs = []
    fitted(begin_epoch=1, epoch_end_callback=lambda epoch, *_: epochs.append(epoch))
    assert epochs == [1]


def test_monitor() -> None:
    monitor = mx.mon.Monitor(1, pattern=".*output|.*weight")
    shown: list[Any] = []
    monitor.toc_print = lambda: shown.append([name for _, name, _ in monitor.toc()])  # type: ignore[method-assign]
    fitted(monitor=monitor)
    assert len(shown) == 6
    assert {"fc1_output", "softmax_output", "fc1_weight"} <= set(shown[0])


def test_data_may_reuse_its_memory() -> None:
    """A batch is looked at until its step is done, and not after the next one has been asked for."""
    current = -1

    class Batch:
        def __init__(self, number: int) -> None:
            self.number = number

        @property
        def label(self) -> None:
            assert self.number == current

    class Data:
        provide_data = provide_label = None

        def reset(self) -> None: ...

        def __iter__(self) -> Any:
            nonlocal current
            for current in range(2):
                yield Batch(current)

    module: Any = mx.mod.BaseModule()
    for name in ("bind", "init_params", "init_optimizer", "forward", "backward", "update", "update_metric"):
        setattr(module, name, lambda *args, **kwargs: None)
    module.get_params = lambda: (None, None)
    module.fit(Data(), num_epoch=1)


# ---------------------------------------------------------------- score and predict


def test_predict() -> None:
    module = fitted()
    data = iterator()
    merged = module.predict(data)
    assert merged.shape == (22, 3)
    assert [len(outputs) for outputs in module.predict(data, merge_batches=False)] == [1, 1, 1]
    assert [outputs[0].shape for outputs in module.predict(data, merge_batches=False)] == [(8, 3), (8, 3), (6, 3)]
    assert [output.shape for output in module.predict(data, always_output_list=True)] == [(22, 3)]
    assert module.predict(data, num_batch=2).shape == (16, 3)
    assert module.predict(data, num_batch=0) == []
    samples, _ = module_cases.data()
    for batch in (samples[:5], mx.nd.array(samples[:5])):
        np.testing.assert_allclose(module.predict(batch).asnumpy(), merged.asnumpy()[:5], rtol=1e-6)
    with pytest.raises(ValueError, match="DataIter, NDArray or numpy"):
        module.predict([samples])


def test_iter_predict() -> None:
    found = [(outputs[0].shape, number, batch.pad) for outputs, number, batch in fitted().iter_predict(iterator())]
    assert found == [((8, 3), 0, 0), ((8, 3), 1, 0), ((6, 3), 2, 2)]


def test_predict_of_several_outputs() -> None:
    data = mx.sym.Variable("data")
    module = mx.mod.Module(mx.sym.Group([data + 1, data * 2]), label_names=None)
    module.bind([("data", (8, 5))], for_training=False)
    module.init_params()
    samples, _ = module_cases.data()
    outputs = module.predict(mx.io.NDArrayIter(samples, batch_size=8))
    np.testing.assert_allclose(outputs[0].asnumpy(), samples + 1)
    np.testing.assert_allclose(outputs[1].asnumpy(), samples * 2)


def test_score() -> None:
    module = fitted()
    data = iterator()
    assert [name for name, _ in module.score(data, ["acc", "ce"])] == ["accuracy", "cross-entropy"]
    first = dict(module.score(data, "acc", num_batch=1))["accuracy"]
    outputs = module.predict(data, num_batch=1).asnumpy()
    assert first == (outputs.argmax(axis=1) == module_cases.data()[1][:8]).mean()
