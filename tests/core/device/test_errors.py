"""`mx.gpu()` where there is no CuPy, no driver or no such device: a clear error on every way to a GPU."""

import numpy as np
import pytest

import mxtrain as mx

DATA = mx.sym.Variable("data")


def _bind_module():
    module = mx.mod.Module(DATA * 2, label_names=None, context=mx.gpu(0))
    module.bind([("data", (2, 3))])


def _inside_with():
    with mx.gpu(0):
        mx.nd.zeros((2,))


WAYS = {
    "zeros": lambda: mx.nd.zeros((2,), mx.gpu(0)),
    "ones": lambda: mx.nd.ones((2,), mx.gpu(0)),
    "full": lambda: mx.nd.full((2,), 3, mx.gpu(0)),
    "empty": lambda: mx.nd.empty((2,), mx.gpu(0)),
    "array": lambda: mx.nd.array([1, 2], ctx=mx.gpu(0)),
    "arange": lambda: mx.nd.arange(3, ctx=mx.gpu(0)),
    "random": lambda: mx.nd.random.uniform(shape=(2,), ctx=mx.gpu(0)),
    "copyto": lambda: mx.nd.ones((2,)).copyto(mx.gpu(0)),
    "as_in_context": lambda: mx.nd.ones((2,)).as_in_context(mx.gpu(0)),
    "simple_bind": lambda: (DATA * 2).simple_bind(mx.gpu(0), data=(2,)),
    "module": _bind_module,
    "seed": lambda: mx.random.seed(1, ctx=mx.gpu(0)),
    "memory": lambda: mx.context.gpu_memory_info(0),
    "empty_cache": lambda: mx.gpu(0).empty_cache(),
    "with": _inside_with,
}


@pytest.mark.parametrize("way", WAYS)
def test_without_cupy(no_cupy, way):
    with pytest.raises(mx.base.MXNetError, match=r"mx.gpu\(\) needs CuPy.*mxtrain\[gpu\].*or use mx.cpu\(\)"):
        WAYS[way]()
    assert mx.current_context() is mx.cpu(0)


@pytest.mark.parametrize("way", WAYS)
def test_without_driver(fake_gpus, monkeypatch, way):
    def fail():
        raise fake_gpus.cuda.runtime.CUDARuntimeError(
            "cudaErrorInsufficientDriver: CUDA driver version is insufficient"
        )

    monkeypatch.setattr(fake_gpus.cuda.runtime, "getDeviceCount", fail)
    with pytest.raises(mx.base.MXNetError, match=r"mx.gpu\(0\) where 0 GPU\(s\) are visible \(cudaErrorInsufficient"):
        WAYS[way]()
    assert mx.num_gpus() == 0


def test_without_that_device(fake_gpus):
    mx.nd.zeros((1,), mx.gpu(1))
    with pytest.raises(mx.base.MXNetError, match=r"Received: mx.gpu\(2\) where 2 GPU\(s\) are visible\."):
        mx.nd.zeros((1,), mx.gpu(2))


def test_bind_of_host_arrays_to_a_gpu(fake_gpus):
    with pytest.raises(mx.base.MXNetError, match=r"data: expected an array on .*gpu\(0\).* Received: one on cpu\(0\)"):
        (DATA * 2).bind(mx.gpu(0), {"data": mx.nd.ones((2,))})


def test_operator_on_arrays_of_two_devices(fake_gpus):
    with pytest.raises(mx.base.MXNetError, match=r"inputs on one context. Received: gpu\(0\), gpu\(1\)"):
        mx.nd.ones((2,), mx.gpu(0)) + mx.nd.ones((2,), mx.gpu(1))


def test_num_gpus_says_what_there_is(no_cupy):
    assert mx.num_gpus() == 0
    assert mx.context.num_gpus() == 0


def test_making_a_context_needs_no_device(no_cupy):
    assert str(mx.gpu(3)) == "gpu(3)"
    assert mx.gpu(3) is mx.Context("gpu", 3)


def test_context_is_left_after_an_error(no_cupy):
    with pytest.raises(mx.base.MXNetError), mx.gpu(0):
        mx.nd.array(np.ones(3))
    assert mx.nd.zeros((1,)).context is mx.cpu(0)
