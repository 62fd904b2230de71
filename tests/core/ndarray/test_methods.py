"""NDArray's methods, facts and conversions."""

import copy
import pickle

import numpy as np
import pytest

import mxtrain as mx
from mxtrain import nd


def numbered(*shape, dtype="float32"):
    return nd.array(np.arange(np.prod(shape)).reshape(shape), dtype=dtype)


def test_facts():
    a = numbered(2, 3)
    assert (a.shape, a.size, a.ndim, len(a), a.dtype, a.stype) == ((2, 3), 6, 2, 2, np.float32, "default")
    assert a.context is mx.cpu(0)
    assert a.ctx is a.context
    assert repr(a) == "\n[[0. 1. 2.]\n [3. 4. 5.]]\n<NDArray 2x3 @cpu(0)>"


def test_truth_and_numbers():
    assert bool(nd.array([2]))
    assert not bool(nd.array([0]))
    assert not bool(nd.array([]))
    assert (float(nd.array([2.5])), int(nd.array([2.5])), nd.array([[2.5]]).asscalar()) == (2.5, 2, 2.5)
    assert [10, 20, 30][nd.array([1], dtype="int32")] == 20
    for convert in (bool, float, int, lambda a: a.asscalar()):
        with pytest.raises((ValueError, TypeError), match="one element"):
            convert(nd.array([1, 2]))
    with pytest.raises(TypeError, match="integer"):
        [1, 2][nd.array([1.0])]


@pytest.mark.parametrize(
    ("shape", "codes", "options", "expected"),
    [
        ((2, 3, 4), (4, 0, 2), {}, (4, 3, 2)),
        ((2, 3, 4), (-1,), {}, (24,)),
        ((2, 3, 4), (0, -1), {}, (2, 12)),
        ((2, 3, 4), (-3, 0), {}, (6, 4)),
        ((2, 3, 4), (-4, 1, 2, -2), {}, (1, 2, 3, 4)),
        ((2, 3, 4), (-4, -1, 2, -2), {}, (1, 2, 3, 4)),
        ((2, 3, 4), (-1, 0), {"reverse": True}, (6, 4)),
        ((0, 3), (-1, 3), {}, (0, 3)),
        ((1,), (), {}, (1,)),
    ],
)
def test_reshape_is_a_view(shape, codes, options, expected):
    a = numbered(*shape)
    b = a.reshape(codes, **options)
    assert b.shape == expected
    b[:] = -1
    assert (a.asnumpy() == -1).all()


def test_ways_to_reshape():
    a = numbered(2, 3)
    assert a.reshape(3, 2).shape == a.reshape((3, 2)).shape == a.reshape(shape=(3, 2)).shape == (3, 2)
    assert a.reshape(-1).shape == (6,)
    assert a.reshape_like(numbered(6)).shape == (6,)
    for arguments, options in (((4, 4), {}), (((-1, -1),), {}), ((), {}), ((6,), {"order": "F"})):
        with pytest.raises(mx.MXNetError):
            a.reshape(*arguments, **options)


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda a, i: a.expand_dims(1, inplace=i), (2, 1, 1, 3)),
        (lambda a, i: a.squeeze(inplace=i), (2, 3)),
        (lambda a, i: a.flatten(inplace=i), (2, 3)),
    ],
)
def test_other_shapes_in_place(call, shape, inplace):
    a = numbered(2, 1, 3)
    b = call(a, inplace)
    assert b.shape == shape
    b[:] = -1
    assert (a.asnumpy() == -1).all() == inplace


def test_views_of_a_variable_are_recorded():
    a = numbered(2, 3)
    a.attach_grad()
    with mx.autograd.record():
        b = (a.reshape((3, 2)).expand_dims(0, inplace=True).flatten(inplace=True).squeeze(inplace=True) * 2).sum()
    b.backward()
    assert (a.grad.asnumpy() == 2).all()


def test_broadcasting_methods():
    a = numbered(3)
    np.testing.assert_array_equal(a.broadcast_to((2, 3)).asnumpy(), [[0, 1, 2]] * 2)
    assert a.broadcast_like(nd.zeros((4, 2, 3))).shape == (4, 2, 3)
    assert numbered(1, 3).broadcast_axes(axis=0, size=2).shape == (2, 3)
    with pytest.raises(mx.MXNetError, match="broadcast_to"):
        a.broadcast_to((2, 4))


def test_operators_as_methods():
    a = numbered(2, 3)
    assert a.sum().asscalar() == 15
    np.testing.assert_array_equal(a.max(axis=1).asnumpy(), [2, 5])
    assert a.transpose().shape == a.T.shape == a.transpose((1, 0)).shape == a.transpose(1, 0).shape == (3, 2)
    assert a.swapaxes(0, 1).shape == (3, 2)
    np.testing.assert_array_equal(a.clip(1, 2).asnumpy(), [[1, 1, 2], [2, 2, 2]])
    np.testing.assert_array_equal(a.diag(1).asnumpy(), [1, 5])
    assert [part.shape for part in numbered(4).split(2, axis=0)] == [(2,), (2,)]
    assert [part.shape for part in numbered(4).split_v2((1, 3))] == [(1,), (2,), (1,)]
    assert a.tostype("default") is a
    assert a.tostype("csr").stype == "csr"


def test_slice_assign_writes_in_place():
    a = numbered(2, 3)
    assert a.slice_assign(nd.ones((1, 3)) * 7, (0, None), (1, None), (None, None)) is a
    a.slice_assign_scalar(9, (1, 0), (2, 1), (None, None))
    np.testing.assert_array_equal(a.asnumpy(), [[7, 7, 7], [9, 4, 5]])


def test_conversions():
    a = numbered(2, 3)
    assert a.astype("int32").dtype == np.int32
    assert a.astype("float32") is not a
    assert a.astype("float32", copy=False) is a
    assert a.tolist() == [[0, 1, 2], [3, 4, 5]]
    np.testing.assert_array_equal(np.asarray(a), a.asnumpy())
    assert np.asarray(a, dtype=np.float64).dtype == np.float64
    host = a.asnumpy()
    host[:] = 9
    assert a[0, 0].asscalar() == 0
    with pytest.raises(mx.MXNetError, match="dtype"):
        a.astype("foo")


def test_copies():
    a = numbered(2, 3)
    for other in (a.copy(), copy.copy(a), copy.deepcopy(a), pickle.loads(pickle.dumps(a)), a.copyto(mx.cpu(1))):
        np.testing.assert_array_equal(other.asnumpy(), a.asnumpy())
        other[:] = -1
        assert a[0, 1].asscalar() == 1
    assert a.copyto(mx.cpu(1)).context == mx.cpu(1)
    target = nd.zeros((2, 3), dtype="int32")
    assert a.copyto(target) is target
    np.testing.assert_array_equal(target.asnumpy(), [[0, 1, 2], [3, 4, 5]])
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        a.copyto(nd.zeros((3, 2)))
    with pytest.raises(TypeError, match="Context"):
        a.copyto("cpu")


def test_contexts():
    a = numbered(3)
    assert a.as_in_context(mx.cpu(0)) is a
    b = a.as_in_context(mx.cpu(1))
    assert b.context == mx.cpu(1)
    # CPU contexts share their memory, and as in MXNet 1.9.1 their arrays may meet
    np.testing.assert_array_equal((a + b).asnumpy(), [0, 2, 4])
    assert (a + b).context == mx.cpu(0)


def test_gradient_through_a_copy_to_another_context():
    a = numbered(3)
    a.attach_grad()
    with mx.autograd.record():
        b = (a.as_in_context(mx.cpu(1)) * 3).copyto(mx.cpu(2)).sum()
    b.backward()
    assert a.grad.context == mx.cpu(0)
    assert (a.grad.asnumpy() == 3).all()


def test_gpu_that_is_not_there():
    if mx.context.num_gpus():
        return
    with pytest.raises(mx.MXNetError, match="gpu"):
        nd.zeros((2,), ctx=mx.gpu(0))
    with pytest.raises(mx.MXNetError, match="gpu"):
        numbered(2).as_in_context(mx.gpu(0))


def test_detached_arrays_share_memory_but_no_gradient():
    a = numbered(3)
    a.attach_grad()
    with mx.autograd.record():
        b = a * 2
        c = (b.detach() * a).sum()
    c.backward()
    np.testing.assert_array_equal(a.grad.asnumpy(), [0, 2, 4])


def test_waiting():
    a = numbered(3) * 2
    a.wait_to_read()
    a.wait_to_write()
    nd.waitall()
