"""FeedForward: the same training as by Module; arrays in and out."""

import logging
from pathlib import Path
from typing import Any

import module_cases
import numpy as np
import pytest

import mxtrain as mx


def model(**options: Any) -> mx.model.FeedForward:
    settings: dict[str, Any] = {"num_epoch": 2, "learning_rate": 0.3, "arg_params": module_cases.first_values(mx)}
    return mx.model.FeedForward(module_cases.network(mx), **(settings | options))


def iterator() -> mx.io.NDArrayIter:
    return mx.io.NDArrayIter(*module_cases.data(), batch_size=8)


def as_lists(params: Any) -> dict[str, Any]:
    return {name: value.asnumpy().tolist() for name, value in params.items()}


@pytest.mark.parametrize("devices", [mx.cpu(), [mx.cpu(0), mx.cpu(1)]], ids=["one", "two"])
def test_training_is_that_of_module(devices: Any) -> None:
    made = model(ctx=devices)
    made.fit(iterator())
    module = mx.mod.Module(module_cases.network(mx), context=devices)
    module.fit(
        iterator(), num_epoch=2, arg_params=module_cases.first_values(mx), optimizer_params={"learning_rate": 0.3}
    )
    assert as_lists(made.arg_params) == as_lists(module.get_params()[0])


def test_arrays() -> None:
    samples, labels = module_cases.data()
    made = model(num_epoch=30, numpy_batch_size=8)
    np.random.seed(0)
    made.fit(samples, labels, eval_data=(samples, labels))
    outputs = made.predict(samples)
    assert isinstance(outputs, np.ndarray)
    assert outputs.shape == (24, 3)
    right = (outputs.argmax(axis=1) == labels).mean()
    assert right > 0.8
    assert made.score(iterator()) == right


def test_predict_with_data() -> None:
    made = model()
    made.fit(iterator())
    samples, labels = module_cases.data()
    outputs, inputs, found = made.predict(mx.io.NDArrayIter(samples[:20], labels[:20], 8), return_data=True)
    assert outputs.shape == (20, 3)
    np.testing.assert_array_equal(inputs, samples[:20])
    np.testing.assert_array_equal(found, labels[:20])
    assert made.predict(iterator(), num_batch=1).shape == (8, 3)


def test_epochs_of_a_given_size() -> None:
    seen = []
    model(epoch_size=2).fit(iterator(), batch_end_callback=lambda param: seen.append((param.epoch, param.nbatch)))
    assert seen == [(0, 0), (0, 1), (1, 0), (1, 1)]
    seen.clear()
    model(epoch_size=4).fit(iterator(), batch_end_callback=lambda param: seen.append((param.epoch, param.nbatch)))
    assert seen == [(epoch, nbatch) for epoch in range(2) for nbatch in range(4)]


def test_validation_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        model(num_epoch=1).fit(iterator(), eval_data=iterator())
    assert sum("Validation-accuracy" in line for line in caplog.messages) == 1


def test_files(tmp_path: Path) -> None:
    prefix = str(tmp_path / "net")
    made = model()
    made.fit(iterator())
    made.save(prefix)
    assert (tmp_path / "net-0002.params").exists()
    loaded = mx.model.FeedForward.load(prefix, 2, num_epoch=3, learning_rate=0.3)
    assert loaded.begin_epoch == 2
    np.testing.assert_array_equal(loaded.predict(iterator()), made.predict(iterator()))
    loaded.fit(iterator())
    assert as_lists(loaded.arg_params) != as_lists(made.arg_params)


def test_create() -> None:
    samples, labels = module_cases.data()
    made = mx.model.FeedForward.create(
        module_cases.network(mx), samples, labels, num_epoch=2, learning_rate=0.3, initializer=mx.init.Xavier()
    )
    assert made.predict(samples).shape == (24, 3)


def test_a_network_per_bucket() -> None:
    made = mx.model.FeedForward(
        lambda key: module_cases.network(mx), num_epoch=1, arg_params=module_cases.first_values(mx), learning_rate=0.3
    )

    class Buckets(mx.io.NDArrayIter):
        default_bucket_key = 5

        def next(self) -> mx.io.DataBatch:
            batch = super().next()
            batch.bucket_key, batch.provide_data, batch.provide_label = 5, self.provide_data, self.provide_label
            return batch

    made.fit(Buckets(*module_cases.data(), batch_size=8))
    plain = model(num_epoch=1)
    plain.fit(iterator())
    assert as_lists(made.arg_params) == as_lists(plain.arg_params)


def test_errors() -> None:
    samples, labels = module_cases.data()
    with pytest.raises(ValueError, match="please specify number of epochs"):
        model(num_epoch=None).fit(iterator())
    with pytest.raises(ValueError, match="y must be specified"):
        model().fit(samples)
    with pytest.raises(TypeError, match="y must be ndarray"):
        model().fit(samples, list(labels))
    with pytest.raises(ValueError, match=r"24 labels, one per sample. Received: 23"):
        model().fit(samples, labels[:-1])
    with pytest.raises(ValueError, match="Label must be 1D"):
        model().fit(samples, np.ones((24, 2)))
    with pytest.raises(TypeError, match="X must be DataIter"):
        model().fit([1, 2], labels)
    with pytest.raises(TypeError, match="Eval data must be"):
        model().fit(samples, labels, eval_data=3)
    with pytest.raises(ValueError, match="Call fit first"):
        model(arg_params=None).predict(samples)
    with pytest.raises(TypeError, match="a Symbol, or a function"):
        mx.model.FeedForward("net")
