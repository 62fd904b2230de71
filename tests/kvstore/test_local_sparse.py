"""Row_sparse values in the stores of one process. Literals are MXNet 1.9.1's."""

import numpy as np
import pytest

import mxtrain as mx
from mxtrain.base import ArgumentError, ArgumentTypeError, IndexRangeError

nd = mx.nd
SHAPE = (3, 2)
R = [[1, 2], [0, 0], [3, 4]]


def _row_sparse(values=R, ctx=None):
    return nd.array(values, ctx).tostype("row_sparse")


def _zeros(stype="row_sparse", ctx=None):
    return nd.zeros(SHAPE, ctx, stype=stype)


@pytest.fixture(params=["local", "device"])
def kv(request):
    return mx.kv.create(request.param)


def _pulled(kv, stype="row_sparse"):
    out = _zeros(stype)
    kv.pull("a", out=out, ignore_sparse=False)
    return out


@pytest.mark.parametrize("stored", ["default", "row_sparse"])
@pytest.mark.parametrize("out_stype", ["default", "row_sparse"])
def test_pull_converts_between_storages(kv, stored, out_stype):
    kv.init("a", nd.array(R).tostype(stored))
    out = _pulled(kv, out_stype)
    assert out.stype == out_stype
    np.testing.assert_array_equal(out.asnumpy(), R)


def test_pull_leaves_row_sparse_arrays_alone_by_default(kv):
    kv.init("a", nd.ones(SHAPE))
    sparse, dense = _row_sparse(), nd.zeros(SHAPE)
    kv.pull("a", out=sparse)
    kv.pull("a", out=dense)
    np.testing.assert_array_equal(sparse.asnumpy(), R)
    np.testing.assert_array_equal(dense.asnumpy(), np.ones(SHAPE))


@pytest.mark.parametrize("stored", ["default", "row_sparse"])
def test_a_push_replaces_the_whole_value_whatever_its_storage(kv, stored):
    kv.init("a", nd.ones(SHAPE).tostype(stored))
    kv.push("a", _row_sparse())
    out = _pulled(kv, stored)
    np.testing.assert_array_equal(out.asnumpy(), R)
    kv.push("a", nd.ones(SHAPE))
    np.testing.assert_array_equal(_pulled(kv).asnumpy(), np.ones(SHAPE))


def test_pushes_of_several_devices_are_summed(kv):
    kv.init("a", _zeros())
    parts = [_row_sparse(ctx=mx.cpu(0)), _row_sparse([[0, 0], [5, 6], [1, 1]], mx.cpu(1))]
    kv.push("a", parts)
    out = _zeros()
    kv.row_sparse_pull("a", out=out, row_ids=nd.array([2, 1, 1]))
    np.testing.assert_array_equal(out.indices.asnumpy(), [1, 2])
    np.testing.assert_array_equal(out.data.asnumpy(), [[5, 6], [4, 5]])


def test_row_sparse_and_dense_pushes_are_summed(kv):
    kv.init("a", _row_sparse())
    kv.push("a", [_row_sparse(), nd.ones(SHAPE)])
    np.testing.assert_array_equal(_pulled(kv).asnumpy(), [[2, 3], [1, 1], [4, 5]])


def test_what_was_pushed_stays_as_it_is_and_apart(kv):
    kv.init("a", _zeros())
    pushed = _row_sparse()
    kv.push("a", pushed)
    out = _pulled(kv)
    pushed[:] = 9
    out[:] = 8
    np.testing.assert_array_equal(_pulled(kv).asnumpy(), R)


def test_row_sparse_pull_stores_the_rows_asked_for(kv):
    kv.init("a", _row_sparse())
    out = _row_sparse([[7, 7], [7, 7], [7, 7]])
    kv.row_sparse_pull("a", out=out, row_ids=nd.array([1]))
    np.testing.assert_array_equal(out.indices.asnumpy(), [1])
    np.testing.assert_array_equal(out.asnumpy(), np.zeros(SHAPE))
    kv.row_sparse_pull("a", out=out, row_ids=nd.array([], dtype="int64"))
    assert out.indices.shape == (0,)


def test_row_sparse_pull_to_several_devices(kv):
    kv.init("a", _row_sparse())
    outs = [_zeros(ctx=mx.cpu(0)), _zeros(ctx=mx.cpu(1))]
    kv.row_sparse_pull("a", out=outs, row_ids=nd.array([0]))
    for out in outs:
        np.testing.assert_array_equal(out.asnumpy(), [[1, 2], [0, 0], [0, 0]])
    kv.row_sparse_pull("a", out=outs, row_ids=[nd.array([[2, 2]]), nd.array([0, 1])])
    np.testing.assert_array_equal(outs[0].asnumpy(), [[0, 0], [0, 0], [3, 4]])
    np.testing.assert_array_equal(outs[1].indices.asnumpy(), [0, 1])


def test_row_sparse_pull_of_several_keys(kv):
    kv.init(["a", "b"], [_row_sparse(), nd.ones(SHAPE).tostype("row_sparse")])
    outs = [_zeros(), _zeros()]
    kv.row_sparse_pull(["a", "b"], out=outs, row_ids=[nd.array([2]), nd.array([0])])
    np.testing.assert_array_equal(outs[0].asnumpy(), [[0, 0], [0, 0], [3, 4]])
    np.testing.assert_array_equal(outs[1].asnumpy(), [[1, 1], [0, 0], [0, 0]])


@pytest.mark.parametrize("stype", ["default", "row_sparse"])
def test_an_optimizer_updates_rows(kv, stype):
    kv.init("a", nd.ones(SHAPE).tostype(stype))
    kv.set_optimizer(mx.optimizer.SGD(learning_rate=0.1, wd=0.5))
    kv.push("a", _row_sparse())
    expected = [[0.85, 0.75], [1, 1], [0.65, 0.55]]  # the row without a gradient does not decay
    np.testing.assert_allclose(_pulled(kv, stype).asnumpy(), expected, rtol=1e-6)


def test_updaters_see_sparse_sums_beside_stored_values(kv):
    seen = []

    def updater(key, pushed, stored):
        seen.append((key, pushed.stype, stored.stype))
        stored += pushed

    kv.init("a", nd.zeros(SHAPE))
    kv.init("b", _zeros())
    kv._set_updater(updater)
    for _ in range(2):
        kv.push(["a", "b"], [[_row_sparse(), _row_sparse()], [_row_sparse(), _row_sparse()]])
    assert seen == [("a", "row_sparse", "default"), ("b", "row_sparse", "row_sparse")] * 2
    for key in "ab":
        out = nd.zeros(SHAPE)
        kv.pull(key, out=out)
        np.testing.assert_array_equal(out.asnumpy(), np.array(R) * 4)


def test_requests_that_do_not_fit(kv):
    kv.init("a", _row_sparse())
    kv.init("dense", nd.ones(SHAPE))
    ids, out = nd.array([0]), _row_sparse([[7, 7], [7, 7], [7, 7]])
    with pytest.raises(ArgumentError, match="row_sparse arrays as out"):
        kv.row_sparse_pull("a", out=nd.ones(SHAPE), row_ids=ids)
    with pytest.raises(ArgumentError, match="row_sparse value"):
        kv.row_sparse_pull("dense", out=out, row_ids=ids)
    with pytest.raises(ArgumentError, match="row_ids"):
        kv.row_sparse_pull("a", out=out)
    with pytest.raises(ArgumentError, match="row_ids for 2"):
        kv.row_sparse_pull("a", out=[out, out], row_ids=[ids] * 3)
    with pytest.raises(IndexRangeError, match="0 to 2"):
        kv.row_sparse_pull("a", out=[out, out], row_ids=[ids, nd.array([3])])
    with pytest.raises(ArgumentTypeError, match="csr"):
        kv.push("a", nd.ones(SHAPE).tostype("csr"))
    with pytest.raises(ArgumentError, match="shape"):
        kv.row_sparse_pull("a", out=nd.zeros((4, 2), stype="row_sparse"), row_ids=ids)
    with pytest.raises(ArgumentTypeError, match="Mixed key"):
        kv.row_sparse_pull(3, out=out, row_ids=ids)
    np.testing.assert_array_equal(out.asnumpy(), np.full(SHAPE, 7))
    np.testing.assert_array_equal(_pulled(kv).asnumpy(), R)


def test_broadcast_keeps_the_value_for_a_row_sparse_pull(kv):
    out = _zeros()
    kv.broadcast("a", _row_sparse(), out=out)
    assert out.indices.shape == (0,)
    kv.row_sparse_pull("a", out=out, row_ids=nd.arange(3))
    np.testing.assert_array_equal(out.asnumpy(), R)
