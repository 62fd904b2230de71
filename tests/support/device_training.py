"""Training that is done on several devices and compared; for stand-in devices and for real ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import mxtrain as mx
from mxtrain.context import Context

NUM_CLASSES = 3


def lenet(num_classes: int = NUM_CLASSES, filters: int = 4, hidden: int = 16) -> mx.sym.Symbol:
    """Convolution, pooling, batch normalisation and two dense layers.

    Nothing is random and every parameter matters (a bias before BatchNorm would not), so that devices compare.
    """
    data = mx.sym.Variable("data")
    conv = mx.sym.Convolution(data, kernel=(3, 3), num_filter=filters, name="conv")
    bent = mx.sym.Activation(conv, act_type="tanh", name="bent")
    pooled = mx.sym.Pooling(bent, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pooled")
    dense = mx.sym.FullyConnected(mx.sym.Flatten(pooled, name="flat"), num_hidden=hidden, no_bias=True, name="dense")
    normal = mx.sym.BatchNorm(dense, fix_gamma=False, name="normal")
    active = mx.sym.Activation(normal, act_type="relu", name="active")
    scores = mx.sym.FullyConnected(active, num_hidden=num_classes, name="scores")
    return mx.sym.SoftmaxOutput(scores, name="softmax")


def images(num: int = 48, size: int = 8, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Images (num, 1, size, size), float32, each with one bright band, and the number of the band, (num,)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, NUM_CLASSES, num)
    data = rng.uniform(0, 1, (num, 1, size, size))
    band = size // NUM_CLASSES
    for image, label in zip(data, labels, strict=True):
        image[:, label * band : (label + 1) * band] += 1
    return data.astype(np.float32), labels.astype(np.float32)


@dataclass
class Run:
    """What a training gave: cross-entropy of each epoch, accuracy at the end, and all parameters by name."""

    losses: list[float]
    accuracy: float
    parameters: dict[str, np.ndarray]


def train(
    contexts: Sequence[Context],
    data: np.ndarray,
    labels: np.ndarray,
    symbol: Any = None,
    *,
    kvstore: Any = "local",
    optimizer: str = "sgd",
    options: dict[str, Any] | None = None,
    batch_size: int = 16,
    num_epoch: int = 3,
    seed: int = 5,
) -> Run:
    """Train by Module.fit from initial values that do not depend on the devices."""
    batches = mx.io.NDArrayIter(data, labels, batch_size, label_name="softmax_label")
    symbol = lenet() if symbol is None else symbol
    module = mx.mod.Module(symbol, context=list(contexts))
    arguments, states = _initial_values(symbol, batches, seed)
    losses: list[float] = []
    module.fit(
        batches,
        eval_metric=mx.metric.CrossEntropy(),
        kvstore=kvstore,
        optimizer=optimizer,
        optimizer_params=options or {"learning_rate": 0.1, "momentum": 0.9},
        arg_params=arguments,
        aux_params=states,
        num_epoch=num_epoch,
        batch_end_callback=lambda p: losses.append(p.eval_metric.get()[1]),
    )
    per_epoch = len(data) // batch_size
    accuracy = dict(module.score(batches, "acc"))["accuracy"]
    parameters = {name: value.asnumpy() for part in module.get_params() for name, value in part.items()}
    return Run(losses[per_epoch - 1 :: per_epoch], accuracy, parameters)


def _initial_values(symbol: Any, batches: Any, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Random arguments and auxiliary states, made on cpu(0)."""
    mx.random.seed(seed)
    np.random.seed(seed)
    module = mx.mod.Module(symbol, context=mx.cpu(0))
    module.bind(batches.provide_data, batches.provide_label)
    module.init_params(mx.init.Xavier())
    arguments, states = module.get_params()
    return arguments, states


def assert_same_training(found: Run, expected: Run, tolerance: float = 1e-3) -> None:
    """Raise AssertionError unless losses and parameters agree; sums on devices differ in their last digits."""
    np.testing.assert_allclose(found.losses, expected.losses, rtol=tolerance)
    assert found.parameters.keys() == expected.parameters.keys()
    for name, value in expected.parameters.items():
        np.testing.assert_allclose(found.parameters[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


def updated_weights(name: str, ctx: Context, dtype: Any = np.float32, **options: Any) -> list[np.ndarray]:
    """Weights and first states after three updates by an optimizer on a device."""
    rng = np.random.default_rng(3)
    updater = mx.optimizer.get_updater(mx.optimizer.create(name, **options))
    weights = [mx.nd.array(rng.normal(size=shape), ctx, dtype) for shape in ((3, 4), (5, 2))]
    for _ in range(3):
        grads = [mx.nd.array(rng.normal(size=weight.shape), ctx, dtype) for weight in weights]
        for index, (weight, grad) in enumerate(zip(weights, grads, strict=True)):
            updater(index, grad, weight)
    resumed = mx.optimizer.get_updater(mx.optimizer.create(name, **options))
    resumed.set_states(updater.get_states())
    for index, weight in enumerate(weights):
        resumed(index, weight * 0.5, weight)
    assert all(weight.context is ctx for weight in weights)
    return [weight.asnumpy() for weight in weights]
