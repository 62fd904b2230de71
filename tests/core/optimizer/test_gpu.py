"""Optimizers on a GPU give what they give on the CPU."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import optimizer as opt

pytestmark = pytest.mark.gpu

_NAMES = sorted(set(opt.Optimizer.opt_registry) - {"sgld"})
_OPTIONS = {"sgd": {"momentum": 0.9}, "nag": {"momentum": 0.9}, "lars": {"momentum": 0.9, "eta": 0.1}}


def _weight_after(name, ctx, dtype):
    random = np.random.default_rng(1)
    arguments = {"learning_rate": 0.05, "rescale_grad": 0.5, "clip_gradient": 0.8, **_OPTIONS.get(name, {})}
    updater = opt.get_updater(opt.create(name, multi_precision=dtype == "float16", **arguments))
    weight = mx.nd.array(random.normal(size=(7, 9)), ctx=ctx, dtype=dtype)
    for _ in range(3):
        updater(0, mx.nd.array(random.normal(size=(7, 9)), ctx=ctx, dtype=dtype), weight)
    assert weight.context is ctx
    return weight.asnumpy(), updater.get_states()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", _NAMES)
def test_updates_equal_those_of_the_cpu(name, dtype):
    on_gpu, _ = _weight_after(name, mx.gpu(0), dtype)
    on_cpu, _ = _weight_after(name, mx.cpu(0), dtype)
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=2e-3 if dtype == "float16" else 2e-5, atol=1e-5)


def test_states_move_between_devices():
    _, saved = _weight_after("adam", mx.gpu(0), "float32")
    updater = opt.get_updater(opt.Adam())
    updater.set_states(saved)
    weight = mx.nd.ones((7, 9), ctx=mx.gpu(0))
    updater(0, mx.nd.ones((7, 9), ctx=mx.gpu(0)), weight)
    assert updater.states[0][0].context is mx.gpu(0)


def test_slab():
    optimizer = opt.SGD(learning_rate=0.1, momentum=0.9)
    ctx = mx.gpu(0)
    with ctx.backend.active():
        weight, grad = ctx.xp.ones(20, "float32"), ctx.xp.ones(20, "float32")
        states = optimizer.create_slab_states([0, 1], weight, ctx)
        optimizer.update_slab([0, 1], weight, grad, states, ctx.xp)
        np.testing.assert_allclose(weight.get(), 0.9, rtol=1e-6)
