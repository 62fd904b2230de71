"""What a GPU is to a program: memory that comes back, streams that keep order, random numbers that repeat."""

import gc

import device_training as support
import numpy as np
import pytest

import mxtrain as mx

pytestmark = pytest.mark.gpu

MIB = 1 << 20
LARGE = (64 * MIB // 4,)  # 64 MiB of float32


def _pool(ctx):
    return ctx.xp.get_default_memory_pool()


def test_memory_of_arrays_comes_back(gpu):
    gpu.empty_cache()
    free_before, total = mx.context.gpu_memory_info(gpu.device_id)
    arrays = [mx.nd.ones(LARGE, gpu) for _ in range(4)]
    mx.nd.waitall()
    free_with, _ = mx.context.gpu_memory_info(gpu.device_id)
    assert free_before - free_with >= 4 * 64 * MIB
    assert free_before <= total
    arrays.clear()
    gc.collect()
    gpu.empty_cache()
    free_after, _ = mx.context.gpu_memory_info(gpu.device_id)
    assert free_after >= free_before - 8 * MIB


def test_memory_of_an_executor_comes_back(gpu):
    gc.collect()
    used_before = _pool(gpu).used_bytes()
    executor = support.lenet().simple_bind(gpu, data=(256, 1, 32, 32), softmax_label=(256,))
    executor.forward(is_train=True)
    executor.backward()
    assert _pool(gpu).used_bytes() > used_before + 4 * MIB
    del executor
    gc.collect()
    assert _pool(gpu).used_bytes() <= used_before + MIB


def test_steps_take_no_more_memory_each(gpu):
    executor = support.lenet().simple_bind(gpu, data=(64, 1, 16, 16), softmax_label=(64,))
    used = []
    for _ in range(5):
        executor.forward(is_train=True)
        executor.backward()
        used.append(_pool(gpu).used_bytes())
    assert used[1:] == [used[1]] * 4


def test_too_large_an_array_is_a_clear_error(gpu):
    _, total = mx.context.gpu_memory_info(gpu.device_id)
    with pytest.raises(MemoryError):
        mx.nd.empty((total,), gpu, dtype="float32")
    assert mx.nd.ones((2,), gpu).asnumpy().tolist() == [1, 1]


def test_reading_waits_for_work_that_is_queued(gpu):
    a = mx.nd.array(np.eye(2048, dtype=np.float32), gpu)
    for _ in range(50):
        a = mx.nd.dot(a, a)
    np.testing.assert_array_equal(a.asnumpy(), np.eye(2048))
    a.wait_to_read()
    mx.nd.waitall()


def test_a_copy_to_another_gpu_waits_for_work_that_is_queued(two_gpus):
    source, target = two_gpus
    a = mx.nd.array(np.eye(2048, dtype=np.float32), source)
    for _ in range(50):
        a = mx.nd.dot(a, a)
    a *= 3
    copied = a.as_in_context(target)
    a[:] = 0  # must wait for the copy
    np.testing.assert_array_equal(copied.asnumpy(), 3 * np.eye(2048))


@pytest.mark.parametrize("shape", [(1,), (3, 5), (1 << 20,)])
def test_copies_keep_values(gpu, shape):
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    array = mx.nd.array(values, gpu)
    values_there = values.copy()
    values[...] = 0  # what was uploaded is a copy
    np.testing.assert_array_equal(array.asnumpy(), values_there)
    np.testing.assert_array_equal(array.copyto(mx.cpu(0)).asnumpy(), values_there)
    np.testing.assert_array_equal(mx.nd.array(values_there).copyto(mx.nd.zeros(shape, gpu)).asnumpy(), values_there)


def _drawn(ctx):
    with ctx:
        return [
            mx.nd.random.uniform(-1, 1, shape=(10000,)).asnumpy(),
            mx.nd.random.normal(1, 2, shape=(10000,)).asnumpy(),
            mx.nd.random.poisson(3, shape=(10000,)).asnumpy(),
            mx.nd.random.randint(0, 7, shape=(10000,)).asnumpy(),
            mx.nd.random.exponential(2, shape=(10000,)).asnumpy(),
            mx.nd.random.gamma(2, 3, shape=(10000,)).asnumpy(),
        ]


def test_random_numbers_repeat_and_have_their_moments(gpu):
    mx.random.seed(11)
    first = _drawn(gpu)
    mx.random.seed(11)
    for numbers, again in zip(first, _drawn(gpu), strict=True):
        np.testing.assert_array_equal(numbers, again)
    means, deviations = (0, 1, 3, 3, 2, 6), (3**-0.5, 2, 3**0.5, 2, 2, 18**0.5)
    for numbers, mean, deviation in zip(first, means, deviations, strict=True):
        # five standard errors of the mean; the spread of a sample is less certain
        assert abs(numbers.mean() - mean) < 5 * deviation / 100
        assert abs(numbers.std() / deviation - 1) < 0.1


def test_dropout_keeps_its_share(gpu):
    with mx.autograd.record():
        y = mx.nd.Dropout(mx.nd.ones((10000,), gpu), p=0.3).asnumpy()
    assert abs((y == 0).mean() - 0.3) < 0.03
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)


def test_bfloat16(gpu):
    if int(gpu.xp.__version__.split(".")[0]) < 14:
        pytest.skip(f"CuPy {gpu.xp.__version__} has no bfloat16; CuPy 14 has.")
    a = mx.nd.array([[1, 2], [3, 4]], gpu, dtype="bfloat16")
    found = (mx.nd.dot(a, a) + 1).astype("float32")
    assert found.asnumpy().tolist() == [[8, 11], [16, 23]]


def test_dlpack_shares_memory(gpu):
    a = mx.nd.zeros((2, 3), gpu)
    b = mx.nd.from_dlpack(a)
    b[:] = 4
    assert b.context is gpu
    assert a.asnumpy().tolist() == [[4, 4, 4], [4, 4, 4]]
