"""Loops and branches on GPUs (CuPy's stand-in) give what they give on the CPU."""

import control_flow_networks as networks
import numpy as np
import pytest

import mxtrain as mx


def run(ctx, name):
    """Outputs and gradients of a network on a device."""
    symbol = networks.NETWORKS[name](mx)
    rng = np.random.RandomState(3)
    shapes = networks.SHAPES[name]
    arrays = {key: mx.nd.array(rng.uniform(0.1, 1, shape), ctx=ctx) for key, shape in shapes.items()}
    grads = {key: mx.nd.zeros(shape, ctx=ctx) for key, shape in shapes.items()}
    executor = symbol.bind(ctx, arrays, grads)
    outputs = executor.forward(is_train=True)
    executor.backward([mx.nd.ones(output.shape, ctx=ctx) for output in outputs])
    return [array.asnumpy() for array in (*outputs, *grads.values())]


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_a_gpu_gives_what_the_cpu_gives(fake_gpus, name):
    for there, here in zip(run(mx.gpu(1), name), run(mx.cpu(0), name), strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6)
