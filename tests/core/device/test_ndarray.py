"""NDArrays on GPUs (CuPy's stand-in): creation, indexing, assignment, copies between devices, random numbers."""

import fake_cupy
import numpy as np
import pytest

import mxtrain as mx

CONTEXTS = [mx.cpu(0), mx.gpu(0), mx.gpu(1)]
every_gpu = pytest.mark.parametrize("ctx", CONTEXTS[1:], ids=str)
VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)

MAKERS = {
    "zeros": lambda ctx: mx.nd.zeros((2, 3), ctx),
    "ones": lambda ctx: mx.nd.ones((2, 3), ctx, dtype="float16"),
    "full": lambda ctx: mx.nd.full((2, 3), 5, ctx, dtype="int32"),
    "array": lambda ctx: mx.nd.array(VALUES, ctx),
    "list": lambda ctx: mx.nd.array([[1, 2], [3, 4]], ctx, dtype="int64"),
    "strided": lambda ctx: mx.nd.array(VALUES.T[::2], ctx),
    "arange": lambda ctx: mx.nd.arange(2, 8, 2, ctx=ctx),
    "linspace": lambda ctx: mx.nd.linspace(0, 1, 5, ctx=ctx),
    "eye": lambda ctx: mx.nd.eye(3, ctx=ctx),
    "ndarray": lambda ctx: mx.nd.array(mx.nd.array(VALUES, ctx), ctx),
    "concatenate": lambda ctx: mx.nd.concatenate([mx.nd.array(VALUES, ctx)] * 2),
    "stack": lambda ctx: mx.nd.stack(mx.nd.array(VALUES, ctx), mx.nd.array(VALUES, ctx), axis=1),
}


@every_gpu
@pytest.mark.parametrize("maker", MAKERS)
def test_creation(fake_gpus, ctx, maker):
    made, expected = MAKERS[maker](ctx), MAKERS[maker](mx.cpu(0))
    assert made.context is ctx
    assert made.dtype == expected.dtype
    assert type(made.data_array) is fake_gpus.ndarray
    assert made.data_array.device.id == ctx.device_id
    np.testing.assert_array_equal(made.asnumpy(), expected.asnumpy())


@every_gpu
def test_context_block(fake_gpus, ctx):
    with ctx:
        assert mx.nd.zeros((2,)).context is ctx
        assert mx.nd.random.uniform(shape=(2,)).context is ctx
        assert mx.nd.array([1]).context is ctx
    assert mx.nd.zeros((2,)).context is mx.cpu(0)


KEYS = {
    "row": 1, "negative": -1, "element": (1, 2), "rows": slice(0, 2), "steps": slice(None, None, 2),
    "columns": (slice(None), slice(1, 3)), "ellipsis": (Ellipsis, 0), "new axis": (None, 1), "all": slice(None),
    "list": [0, 2], "array": np.array([2, 0, 1]), "two lists": ([0, 1], [3, 2]), "none": slice(1, 1),
    "mask": VALUES > 4,
}  # fmt: skip


@every_gpu
@pytest.mark.parametrize("key", KEYS)
def test_indexing(fake_gpus, ctx, key):
    found, expected = mx.nd.array(VALUES, ctx)[KEYS[key]], mx.nd.array(VALUES)[KEYS[key]]
    assert found.context is ctx
    np.testing.assert_array_equal(found.asnumpy(), expected.asnumpy())


@every_gpu
@pytest.mark.parametrize("index_ctx", CONTEXTS, ids=str)
def test_indexing_by_an_array_on_any_device(fake_gpus, ctx, index_ctx):
    found = mx.nd.array(VALUES, ctx)[mx.nd.array([2, 0], index_ctx)]
    np.testing.assert_array_equal(found.asnumpy(), VALUES[[2, 0]])


def _assigned(ctx, key, value):
    array = mx.nd.array(VALUES, ctx)
    array[key] = value
    return array.asnumpy()


@every_gpu
@pytest.mark.parametrize("key", KEYS)
def test_assignment_of_numbers(fake_gpus, ctx, key):
    np.testing.assert_array_equal(_assigned(ctx, KEYS[key], 7), _assigned(mx.cpu(0), KEYS[key], 7))


@every_gpu
@pytest.mark.parametrize("source", [*CONTEXTS, "numpy", "list"], ids=str)
@pytest.mark.parametrize("key", [slice(None), 1, (slice(None), slice(1, 3)), [0, 2]], ids=str)
def test_assignment_from_any_device(fake_gpus, ctx, source, key):
    value = VALUES[key] * 10
    if isinstance(source, mx.Context):
        given = mx.nd.array(value, source)
    else:
        given = value if source == "numpy" else value.tolist()
    np.testing.assert_array_equal(_assigned(ctx, key, given), _assigned(mx.cpu(0), key, value))


@every_gpu
def test_a_view_writes_into_its_owner(fake_gpus, ctx):
    array = mx.nd.array(VALUES, ctx)
    array[1][:] = -1
    array[2, 1:3] = -2
    array.reshape((12,))[0] = -3
    expected = VALUES.copy()
    expected[1], expected[2, 1:3], expected[0, 0] = -1, -2, -3
    np.testing.assert_array_equal(array.asnumpy(), expected)


@every_gpu
def test_an_index_outside(fake_gpus, ctx):
    with pytest.raises(IndexError, match="Expected: an index that fits shape"):
        mx.nd.array(VALUES, ctx)[5]


@pytest.mark.parametrize("source", CONTEXTS, ids=str)
@pytest.mark.parametrize("target", CONTEXTS, ids=str)
def test_copies(fake_gpus, source, target):
    array = mx.nd.array(VALUES, source)
    for moved in (array.copyto(target), array.as_in_context(target), array.copyto(mx.nd.zeros((3, 4), target))):
        assert moved.context is target
        np.testing.assert_array_equal(moved.asnumpy(), VALUES)
    cast = mx.nd.zeros((3, 4), target, dtype="float16")
    array[1:].copyto(cast[1:])
    np.testing.assert_array_equal(cast.asnumpy()[1:], VALUES[1:])
    array[:] = 0
    np.testing.assert_array_equal(moved.asnumpy(), VALUES)


def test_a_copy_between_gpus_is_ordered_with_both_streams(fake_gpus):
    array = mx.nd.array(VALUES, mx.gpu(0))
    fake_cupy.events.clear()
    array.copyto(mx.gpu(1))
    assert fake_cupy.events == [("record", 0), ("wait", 1), ("record", 1), ("wait", 0)]


@every_gpu
def test_arithmetic_and_comparisons(fake_gpus, ctx):
    a, b = mx.nd.array(VALUES, ctx), mx.nd.array(VALUES + 1, ctx)
    for found, expected in (
        (a + b, 2 * VALUES + 1), (1 - a, 1 - VALUES), (a * VALUES, VALUES**2), (a / b, VALUES / (VALUES + 1)),
        (b**2, (VALUES + 1) ** 2), (-a, -VALUES), (a > 3, VALUES > 3), (a == b, np.zeros((3, 4))), (a % 3, VALUES % 3),
    ):  # fmt: skip
        assert found.context is ctx
        np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-6)
    a += b
    a *= 2
    np.testing.assert_array_equal(a.asnumpy(), (2 * VALUES + 1) * 2)


@every_gpu
def test_conversions(fake_gpus, ctx):
    one = mx.nd.array([2.5], ctx)
    assert (float(one), int(one), bool(one), one.asscalar(), one.item()) == (2.5, 2, True, 2.5, 2.5)
    assert mx.nd.array(VALUES, ctx).tolist() == VALUES.tolist()
    assert np.asarray(mx.nd.array(VALUES, ctx)).tolist() == VALUES.tolist()
    assert "@gpu" in repr(one)
    assert one.astype("int32").dtype == np.int32
    assert mx.nd.array(VALUES, ctx).T.shape == (4, 3)
    assert mx.nd.ones((2,), ctx).copy().context is ctx


@every_gpu
def test_waiting_synchronizes_the_device(fake_gpus, ctx):
    array = mx.nd.ones((2,), ctx)
    fake_cupy.events.clear()
    array.wait_to_read()
    assert fake_cupy.events == [("synchronize", ctx.device_id)]
    mx.nd.waitall()
    assert ("synchronize", ctx.device_id) in fake_cupy.events[1:]


@every_gpu
def test_a_deferred_value(fake_gpus, ctx):
    array = mx.nd.zeros((3, 4), ctx)
    array.defer(lambda: mx.nd.array(VALUES).copyto(mx.ndarray.from_backend(array.raw_buffer, ctx)))
    np.testing.assert_array_equal(array.asnumpy(), VALUES)


def _gradient(ctx):
    x = mx.nd.array(VALUES, ctx)
    x.attach_grad("add")
    for _ in range(2):
        with mx.autograd.record():
            y = (x[1:] * x[1:]).sum() + x[[0, 0]].sum()
        y.backward()
    return x.grad


@every_gpu
def test_gradients_through_indexing_that_add_up(fake_gpus, ctx):
    assert _gradient(ctx).context is ctx
    np.testing.assert_allclose(_gradient(ctx).asnumpy(), _gradient(mx.cpu(0)).asnumpy())


def _drawn(ctx):
    with ctx:
        return mx.nd.random.normal(shape=(5,)).asnumpy()


def test_random_numbers_repeat_and_differ_between_devices(fake_gpus):
    mx.random.seed(7)
    first = [_drawn(ctx) for ctx in CONTEXTS]
    mx.random.seed(7)
    again = [_drawn(ctx) for ctx in reversed(CONTEXTS)][::-1]
    np.testing.assert_array_equal(first, again)
    assert len({tuple(numbers) for numbers in first}) == len(CONTEXTS)
    for ctx in CONTEXTS[1:]:
        mx.random.seed(3, ctx=ctx)
    np.testing.assert_array_equal(_drawn(mx.gpu(0)), _drawn(mx.gpu(1)))


@every_gpu
def test_memory(fake_gpus, ctx):
    free, total = mx.context.gpu_memory_info(ctx.device_id)
    assert 0 < free < total
    ctx.empty_cache()
    assert fake_cupy.events.count(("free", ctx.device_id)) == 2  # device memory, and page-locked host memory


def test_save_and_load(fake_gpus, tmp_path):
    path = str(tmp_path / "arrays.params")
    mx.nd.save(path, {"a": mx.nd.array(VALUES, mx.gpu(1))})
    np.testing.assert_array_equal(mx.nd.load(path)["a"].asnumpy(), VALUES)
