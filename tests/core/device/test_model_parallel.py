"""Model parallelism over GPUs, and over GPUs and the host."""

import numpy as np
import pytest
from parallel_lstm import GROUPS, parallel_lstm, shapes, values

import mxtrain as mx

BATCH = 2
SYMBOL = parallel_lstm()


def stepped(**places):
    executor = SYMBOL.simple_bind(mx.cpu(0), group2ctx=places or None, **shapes(BATCH))
    for name, value in values(SYMBOL, BATCH).items():
        executor.arg_dict[name][:] = value
    for _ in range(2):
        executor.forward(is_train=True)
        executor.backward()
    return [executor.outputs[0].asnumpy(), *(grad.asnumpy() for grad in executor.grad_arrays)], executor


@pytest.mark.parametrize("mirror", ["0", "1"])
@pytest.mark.parametrize(
    "devices",
    [("gpu", "gpu", "gpu", "gpu"), ("cpu", "gpu", "gpu", "cpu"), ("gpu", "cpu", "gpu", "cpu")],
    ids="-".join,
)
def test_the_same_numbers(fake_gpus, monkeypatch, devices, mirror):
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", mirror)
    expected, _ = stepped()
    places = {group: mx.Context(device, i % 2) for i, (group, device) in enumerate(zip(GROUPS, devices, strict=True))}
    got, executor = stepped(**places)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert executor.arg_dict["l0_h2h_weight"].context == places["layer0"]
    assert executor.grad_dict["l1_h2h_weight"].context == places["layer1"]


def test_random_numbers_of_a_gpu_are_not_drawn_again(fake_gpus, monkeypatch):
    """Its generator cannot be set back: what it drew is kept, everything else is computed again."""
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    dropped = mx.sym.Dropout(mx.sym.exp(mx.sym.var("x")), p=0.5, name="dropped")
    net = mx.sym.make_loss(mx.sym.sin(mx.sym.exp(dropped)))
    executor = net.simple_bind(mx.gpu(0), x=(64,))
    executor.forward(is_train=True)
    executor.backward()
    assert "Computed again in backward: 3 of 5 operators" in executor.debug_str()
    assert "Name=dropped_mirror" not in executor.debug_str()
    gradient = executor.grad_dict["x"].asnumpy()
    kept = np.cos(np.exp(2)) * np.exp(2) * 2  # where dropout let 2 * exp(0) pass
    assert set(gradient.round(3)) == {0.0, np.float32(kept).round(3)}
