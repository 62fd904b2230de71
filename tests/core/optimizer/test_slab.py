"""Updating many parameters as one flat array gives, bit for bit, what updating them singly gives."""

import numpy as np
import pytest

from mxtrain import ndarray as nd
from mxtrain import optimizer as opt
from mxtrain.base import MXNetError
from mxtrain.context import cpu

_SHAPES = ((5, 7), (11,), (2, 3, 4))
_ELEMENTWISE = sorted(
    name
    for name, klass in opt.Optimizer.opt_registry.items()
    if klass.elementwise and klass.__module__.startswith("mx")
)
_OPTIONS = {"sgd": {"momentum": 0.9}, "nag": {"momentum": 0.9}, "rmsprop": {"centered": True}}


def _random(shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _run_singly(optimizer, weights, num_steps):
    states = [optimizer.create_state(i, w) for i, w in enumerate(weights)]
    for step in range(num_steps):
        for i, weight in enumerate(weights):
            optimizer.update(i, weight, nd.array(_random(weight.shape, (step, i))), states[i])
    return np.concatenate([weight.asnumpy().reshape(-1) for weight in weights])


def _run_as_slab(optimizer, weights, num_steps):
    indices = list(range(len(weights)))
    slab = np.concatenate([weight.asnumpy().reshape(-1) for weight in weights])
    states = optimizer.create_slab_states(indices, slab, cpu())
    for step in range(num_steps):
        grad = np.concatenate([_random(weight.shape, (step, i)).reshape(-1) for i, weight in enumerate(weights)])
        optimizer.update_slab(indices, slab, grad, states)
    return slab


@pytest.mark.parametrize("name", _ELEMENTWISE)
def test_slab_equals_single_updates(name):
    arguments = {"learning_rate": 0.05, "wd": 0.01, "rescale_grad": 0.5, **_OPTIONS.get(name, {})}
    weights = [nd.array(_random(shape, i)) for i, shape in enumerate(_SHAPES)]
    slab = _run_as_slab(opt.create(name, **arguments), weights, 3)
    single = _run_singly(opt.create(name, **arguments), weights, 3)
    np.testing.assert_array_equal(slab, single)


def test_low_precision_slab():
    optimizer = opt.SGD(learning_rate=0.1, momentum=0.9)
    master = _random((20,), 1)
    low = master.astype(np.float16)
    states = optimizer.create_slab_states([0, 1], master, cpu())
    optimizer.update_slab([0, 1], master, _random((20,), 2).astype(np.float16), states, low_precision=low)
    np.testing.assert_array_equal(low, master.astype(np.float16))


def test_slab_key_tells_multipliers_and_counts_apart():
    optimizer = opt.SGD(param_idx2name={0: "a_weight", 1: "a_bias", 2: "b_weight"})
    optimizer.set_lr_mult({"b_weight": 0.1})
    assert [optimizer.slab_key(i) for i in range(3)] == [(1.0, 1.0, 0), (1.0, 0.0, 0), (0.1, 1.0, 0)]
    optimizer._update_count(0)
    assert optimizer.slab_key(0) == (1.0, 1.0, 1)


def test_slab_needs_equal_counts():
    optimizer = opt.Adam()
    optimizer._update_count(0)
    slab = np.ones(2, np.float32)
    states = optimizer.create_slab_states([0, 1], slab, cpu())
    with pytest.raises(MXNetError, match="equally many updates"):
        optimizer.update_slab([0, 1], slab, np.ones(2, np.float32), states)


@pytest.mark.parametrize("name", ["lamb", "lars", "nadam", "groupadagrad"])
def test_no_slab_for_optimizers_that_look_at_whole_parameters(name):
    with pytest.raises(MXNetError, match="element-wise"):
        opt.create(name).create_slab_states([0], np.ones(2, np.float32), cpu())
