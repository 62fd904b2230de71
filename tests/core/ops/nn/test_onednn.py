"""The oneDNN kernels give what the plain ones give; they step aside where they cannot."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.device import onednn
from mxtrain.ops import find
from mxtrain.ops.parameters import Params

needs_onednn = pytest.mark.skipif(not onednn.is_usable(), reason="libdnnl (extra `onednn`) is not installed")

# data, weight, parameters: each way of choosing layouts, groups, dilation, one to three axes
CONVOLUTIONS = [
    ((3, 1, 12, 12), (5, 1, 5, 5), {}),
    ((3, 3, 12, 12), (16, 3, 5, 5), {"stride": (2, 2), "pad": (2, 2)}),
    ((2, 20, 8, 8), (50, 20, 5, 5), {}),
    ((2, 16, 9, 9), (32, 16, 3, 3), {"pad": (1, 1)}),
    ((2, 16, 9, 9), (32, 16, 3, 3), {"pad": (1, 1), "stride": (2, 2)}),
    ((2, 16, 8, 7), (24, 16, 1, 1), {}),
    ((2, 16, 8, 7), (24, 16, 1, 1), {"stride": (2, 2)}),
    ((2, 8, 9), (6, 4, 3), {"num_group": 2, "stride": (2,), "dilate": (2,), "pad": (1,)}),
    ((2, 16, 9, 9), (16, 1, 3, 3), {"num_group": 16, "pad": (1, 1)}),
    ((2, 64, 6, 6), (64, 16, 3, 3), {"num_group": 4, "pad": (1, 1)}),
    ((2, 4, 5, 6, 7), (8, 4, 3, 2, 2), {"stride": (1, 2, 1), "dilate": (1, 1, 2), "pad": (1, 0, 1)}),
]
POOLINGS = [
    ((2, 3, 9), {"kernel": (3,), "stride": (2,)}),
    ((2, 3, 8, 9), {"kernel": (2, 2), "stride": (2, 2)}),
    ((2, 3, 8, 9), {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1)}),
    ((2, 3, 8, 9), {"kernel": (3, 2), "stride": (2, 2), "pad": (1, 0), "pooling_convention": "full"}),
    ((2, 3, 8, 9), {"kernel": (3, 3), "stride": (1, 1), "pad": (1, 1), "pool_type": "avg"}),
    ((2, 3, 8, 9), {"kernel": (3, 3), "pad": (1, 1), "pool_type": "avg", "count_include_pad": False}),
    ((2, 3, 8, 9), {"kernel": (3, 3), "stride": (3, 3), "pool_type": "avg", "pooling_convention": "full"}),
    ((2, 3, 4, 5, 6), {"kernel": (2, 2, 2), "stride": (2, 1, 2)}),
    ((2, 3, 8, 9), {"global_pool": True, "pool_type": "avg"}),
    ((2, 3, 8, 9), {"global_pool": True}),
]


def random(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).uniform(-1, 1, shape).astype(np.float32)


def compare(name, arrays, given, **runtime):
    """Run every kernel of an operator and its plain forward; both write to an array and return it."""
    op = find(name)
    params = op.parse(given)
    expected = op.forward(np, *arrays, **params, **runtime)
    for kernel in op.kernels:
        if not kernel.when(arrays, Params(**params)):
            continue
        fresh = kernel.forward(np, *arrays, **params, **runtime)
        np.testing.assert_allclose(fresh, expected, rtol=1e-4, atol=1e-4)
        out = np.full_like(expected, np.nan)
        assert kernel.forward(np, *arrays, **params, **runtime, out=out) is out
        np.testing.assert_array_equal(out, fresh)
    return expected, [kernel for kernel in op.kernels if kernel.when(arrays, Params(**params))]


@needs_onednn
@pytest.mark.parametrize(("data", "weight", "options"), CONVOLUTIONS)
def test_convolution(data, weight, options):
    given = {"kernel": weight[2:], "num_filter": weight[0], **options}
    x, w = random(*data), random(*weight)
    compare("Convolution", [x, w, random(weight[0])], given)
    y, used = compare("Convolution", [x, w], {**given, "no_bias": True})
    assert used
    gy = random(*y.shape, seed=1)
    assert compare("_convolution_backward_data", [gy, w, x], given)[1]
    assert compare("_convolution_backward_weight", [gy, x, w], given)[1]


@needs_onednn
@pytest.mark.parametrize(
    ("data", "weight", "options"),
    [
        ((2, 3, 7), (3, 4, 3), {"stride": (2,)}),
        ((2, 16, 5, 6), (16, 32, 4, 4), {"stride": (2, 2), "pad": (1, 1), "adj": (1, 0)}),
        ((2, 6, 5, 6), (6, 4, 3, 3), {"stride": (2, 2), "num_group": 2, "target_shape": (10, 12)}),
        ((2, 6, 5, 6), (6, 4, 3, 3), {"target_shape": (6, 7)}),
        ((1, 2, 3, 3, 3), (2, 3, 2, 2, 2), {"dilate": (1, 2, 1)}),
    ],
)
def test_deconvolution(data, weight, options):
    filters = weight[1] * options.get("num_group", 1)
    given = {"kernel": weight[2:], "num_filter": filters, **options}
    x, w = random(*data), random(*weight)
    compare("Deconvolution", [x, w, random(filters)], {**given, "no_bias": False})
    y, used = compare("Deconvolution", [x, w], given)
    assert used
    gy = random(*y.shape, seed=1)
    assert compare("_deconvolution_backward_data", [gy, w, x], given)[1]
    assert compare("_deconvolution_backward_weight", [gy, x, w], given)[1]


@needs_onednn
@pytest.mark.parametrize(("shape", "given"), POOLINGS)
def test_pooling(shape, given):
    op, backward = find("Pooling"), find("_pooling_backward")
    x = random(*shape)
    state = op.create_state(None, None, None, None)
    y, _ = compare("Pooling", [x], given, state=state)
    gy = random(*y.shape, seed=1)
    own = {key: value for key, value in given.items() if key in backward.params}
    compare("_pooling_backward", [gy, x, y], own, state=None)
    compare("_pooling_backward", [gy, x, y], own, state=state)


@needs_onednn
@pytest.mark.parametrize(
    ("data", "num_hidden", "flatten"),
    [((64, 3, 50), 30, True), ((300, 400), 100, True), ((8, 16, 120), 40, False)],
)
def test_fully_connected(data, num_hidden, flatten):
    given = {"num_hidden": num_hidden, "flatten": flatten}
    x = random(*data)
    w = random(num_hidden, x.size // data[0] if flatten else data[-1])
    compare("FullyConnected", [x, w, random(num_hidden)], given)
    y, used = compare("FullyConnected", [x, w], {**given, "no_bias": True})
    assert used
    gy = random(*y.shape, seed=1)
    assert compare("_fully_connected_backward_data", [gy, w, x], given)[1]
    assert compare("_fully_connected_backward_weight", [gy, x], given)[1]


def test_pooling_beyond_the_padding_is_left_to_the_plain_kernel():
    p = Params(**find("Pooling").parse({"kernel": (2, 2), "stride": (2, 2), "pool_type": "avg"}))
    p.pooling_convention = "full"
    assert not any(kernel.when([random(1, 1, 5, 5)], p) for kernel in find("Pooling").kernels)


@needs_onednn
def test_ties_go_to_the_first_value():
    x = mx.nd.zeros((1, 1, 3, 3))
    x.attach_grad()
    with mx.autograd.record():
        y = mx.nd.Pooling(x, kernel=(2, 2))
    y.backward()
    assert x.grad.asnumpy().tolist() == [[[[1, 1, 0], [1, 1, 0], [0, 0, 0]]]]


@needs_onednn
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_dtypes_are_left_to_the_plain_kernel(dtype):
    arrays = [random(1, 1, 5, 5).astype(dtype), random(1, 1, 3, 3).astype(dtype)]
    op = find("Convolution")
    params = op.parse({"kernel": (3, 3), "num_filter": 1, "no_bias": True})
    assert op.choose_forward(arrays, params) is op.forward


@needs_onednn
def test_wrong_shapes_are_errors_and_no_crash():
    gy, weight, data = mx.nd.ones((1, 2, 9, 9)), mx.nd.ones((2, 1, 3, 3)), mx.nd.ones((1, 1, 5, 5))
    for name, inputs in (("data", (gy, weight, data)), ("weight", (gy, data, weight))):
        with pytest.raises(mx.MXNetError, match=r"gy of shape \(1, 2, 3, 3\)"):
            getattr(mx.nd._internal, f"_convolution_backward_{name}")(*inputs, kernel=(3, 3), num_filter=2)
    with pytest.raises(mx.MXNetError, match="bias of shape"):
        mx.nd.Convolution(data, weight, mx.nd.ones((1,)), kernel=(3, 3), num_filter=2)


def run_python(code, **environment):
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()


def test_switched_off():
    code = "from mxtrain.device import onednn; print(onednn.is_usable())"
    assert run_python(code, MXNET_MKLDNN_ENABLED="0") == ["False"]


def test_no_library():
    code = "from mxtrain.device import onednn; print(onednn.is_usable())"
    assert run_python(code, MXTRAIN_ONEDNN_LIBRARY="/nowhere/libdnnl.so.3") == ["False"]


@needs_onednn
def test_a_forked_child_computes_without_it():
    code = """
        import os
        import mxtrain as mx
        from mxtrain.device import onednn

        symbol = mx.sym.Convolution(mx.sym.var("data"), kernel=(3, 3), num_filter=4, no_bias=True, name="conv")
        compiled = symbol.bind(mx.cpu(), {"data": mx.nd.ones((8, 3, 20, 20)), "conv_weight": mx.nd.ones((4, 3, 3, 3))})

        def compute():
            (y,) = compiled.forward()
            print(onednn.is_usable(), int(y.asnumpy().max()), flush=True)

        compute()
        child = os.fork()
        if child == 0:
            compute()
            os._exit(0)
        os.waitpid(child, 0)
    """
    assert run_python(code) == ["True", "27", "False", "27"]


@needs_onednn
def test_threads_side_by_side():
    from concurrent.futures import ThreadPoolExecutor

    weight = mx.nd.array(random(16, 8, 3, 3))

    def compute(seed):
        data = mx.nd.array(random(4, 8, 10, 10, seed=seed))
        return mx.nd.Convolution(data, weight, kernel=(3, 3), num_filter=16, no_bias=True).asnumpy()

    alone = [compute(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for expected, found in zip(alone, pool.map(compute, range(8)), strict=True):
            np.testing.assert_array_equal(found, expected)
